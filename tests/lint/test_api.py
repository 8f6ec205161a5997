# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the public interface must look like, read from what was built: the GIR and the library's symbols."""

import glob
import os
import re
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

SOURCE = os.environ["SHMOBJ_SOURCE"]
LIBRARY = os.path.join(os.environ["SHMOBJ_BUILD"], "libshmobj")

CORE = "{http://www.gtk.org/introspection/core/1.0}"
C = "{http://www.gtk.org/introspection/c/1.0}"
GLIB = "{http://www.gtk.org/introspection/glib/1.0}"

# What GObject.Object, its Python and its JavaScript wrapper already call something else by.
TAKEN = set("""
    bind_property bind_property_full connect connect_after connect_object connect_data disconnect disconnect_by_func emit
    emit_stop_by_name find_property force_floating freeze_notify get_data get_properties get_property get_qdata
    handler_block handler_block_by_func handler_disconnect handler_is_connected handler_unblock handler_unblock_by_func
    interface_find_property is_floating list_properties newv notify notify_by_pspec props ref ref_sink replace_data
    run_dispose set_data set_properties set_property steal_data steal_qdata stop_emission thaw_notify unref
    watch_closure weak_ref weak_unref toggle_ref constructor prototype toString valueOf hasOwnProperty
""".split())


def tag(element):
    return element.tag.rpartition("}")[2]


class Api(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.space = ElementTree.parse(os.path.join(LIBRARY, "Shmobj-1.gir")).getroot().find(CORE + "namespace")
        listed = subprocess.run(["nm", "-D", "--defined-only", os.path.join(LIBRARY, "libshmobj-1.so.0")],
                                capture_output=True, text=True, check=True).stdout
        cls.exported = {line.split()[-1] for line in listed.splitlines()}
        cls.headers = ""
        for name in glob.glob(os.path.join(SOURCE, "libshmobj", "*", "shmobj-*.h")):
            with open(name, encoding="utf-8") as file:
                cls.headers += file.read()
        cls.types = [element for element in cls.space if tag(element) in ("class", "interface")]

    def expect_none(self, offenders, rule):
        if offenders:
            self.fail(rule + ":\n  " + "\n  ".join(sorted(offenders)))

    def callables(self):
        for element in self.space.iter():
            if tag(element) in ("method", "function", "constructor", "virtual-method"):
                yield element

    def test_no_method_shadows_gobject(self):
        offenders = [f"{kind.get('name')}.{method.get('name')}" for kind in self.types for method in kind
                     if tag(method) in ("method", "function") and method.get("introspectable") != "0"
                     and method.get("name") in TAKEN]
        self.expect_none(offenders, "a method of GObject's or its wrappers' has this name")

    def test_no_method_is_named_as_a_property_or_signal(self):
        by_name = {kind.get("name"): kind for kind in self.types}

        def names(kind, what):
            found = {child.get("name").replace("-", "_") for child in kind if child.tag in what}
            for child in kind:
                if tag(child) == "implements" and child.get("name") in by_name:
                    found |= names(by_name[child.get("name")], what)
            parent = by_name.get(kind.get("parent", ""))
            return found | (names(parent, what) if parent is not None else set())

        offenders = []
        for kind in self.types:
            methods = {method.get("name") for method in kind if tag(method) == "method" and method.get("introspectable") != "0"}
            offenders += [f"{kind.get('name')}.{name}" for name in methods & names(kind, (CORE + "property",))]
        self.expect_none(offenders, "in JavaScript the property hides the method")

    def test_no_out_parameter_beside_a_boolean(self):
        offenders = []
        for call in self.callables():
            result = call.find(f"{CORE}return-value/{CORE}type")
            outs = [parameter.get("name") for parameter in call.iter(CORE + "parameter") if parameter.get("direction") in ("out", "inout")]
            if result is not None and result.get("name") == "gboolean" and outs:
                offenders.append(f"{call.get(C + 'identifier') or call.get('name')}: {', '.join(outs)}")
        self.expect_none(offenders, "in Python and JavaScript the pair is always true")

    def test_everything_is_documented_and_dated(self):
        kinds = ("class", "interface", "enumeration", "bitfield", "constant", "callback", "method", "function", "constructor",
                 "property", "record", CORE + "property", GLIB + "signal")
        offenders = []

        def look(element, path):
            name = element.get(C + "identifier") or element.get(C + "type") or f"{path}:{element.get('name')}"
            if tag(element) in kinds or element.tag in kinds:
                if element.get(GLIB + "is-gtype-struct-for") or element.get("disguised") == "1" or element.get("moved-to"):
                    return
                if element.find(CORE + "doc") is None:
                    offenders.append(f"{name}: no doc comment")
                if not element.get("version"):
                    offenders.append(f"{name}: no Since")
            for child in element:
                look(child, name)

        for element in self.space:
            look(element, "")
        self.expect_none(offenders, "say what it does, and since when")

    def test_what_can_fail_names_its_errors(self):
        offenders = []
        for call in self.callables():
            if call.get("throws") != "1" or tag(call) == "virtual-method" or call.get("name").endswith("_finish"):
                continue
            words = "".join(text for doc in call.iter(CORE + "doc") for text in doc.itertext())
            if not re.search(r"\b(SHMOBJ|G_IO|G_DBUS|G_FILE|G_VARIANT_PARSE)_ERROR_[A-Z]", words) and not re.search(r"\[\w+@", words):
                offenders.append(call.get(C + "identifier"))
        self.expect_none(offenders, "name the errors, or link where they are named")

    def test_waits_take_microseconds(self):
        offenders = [f"{call.get(C + 'identifier')}: {parameter.get('name')}" for call in self.callables()
                     for parameter in call.iter(CORE + "parameter") if "timeout" in (parameter.get("name") or "")
                     and (parameter.get("name") != "timeout_us" or parameter.find(CORE + "type").get("name") != "gint64")]
        self.expect_none(offenders, "gint64 timeout_us")

    def test_no_array_of_variants_as_pointer_array(self):
        offenders = [call.get(C + "identifier") or call.get("name") for call in self.callables()
                     for kind in call.iter(CORE + "array") if kind.get("name") == "GLib.PtrArray"]
        self.expect_none(offenders, "lists of variants are GVariant ** with a length: a GPtrArray of them aborts PyGObject and gjs")

    def test_every_documented_constant_reaches_the_languages(self):
        known = {member.get(C + "identifier") for member in self.space.iter(CORE + "member")}
        offenders = [name for name in re.findall(r"^ \* @(SHMOBJ_[A-Z0-9_]+):", self.headers, re.MULTILINE) if name not in known]
        self.expect_none(offenders, "a value that its type's registration left out")

    def test_only_public_symbols_are_exported(self):
        public = set(re.findall(r"\bshmobj_\w+", self.headers))
        # what G_DECLARE_… declares
        for module, name in re.findall(r"G_DECLARE_\w+\s*\(\s*\w+,\s*(shmobj)_?(\w*)", self.headers):
            public.add(f"{module}_{name}_get_type")
        offenders = [name for name in self.exported if name not in public]
        self.expect_none(offenders, "the library exports what no public header declares")

    def test_every_public_symbol_is_exported(self):
        offenders = [call.get(C + "identifier") for call in self.callables()
                     if call.get(C + "identifier") and call.get(C + "identifier") not in self.exported]
        self.expect_none(offenders, "in the GIR but not in the library")


if __name__ == "__main__":
    unittest.main()
