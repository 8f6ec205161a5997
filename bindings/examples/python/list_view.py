# SPDX-License-Identifier: LGPL-2.1-or-later
"""A window that shows a shared list, whoever changes it: list_view.py [MANAGER [LIST]]

Try it: start it, and in a terminal

    python3 -c 'from gi.repository import Shmobj; Shmobj.Manager.new("session").list("rows").append("hello")'
"""

import sys

import gi

gi.require_version("Gtk", "4.0")
gi.require_version("Shmobj", "1")
from gi.repository import Gtk, Shmobj

manager, name = (sys.argv[1:] + ["session", "rows"][len(sys.argv) - 1:])[:2]


def set_up(_factory, row):
    row.set_child(Gtk.Label(xalign=0, margin_start=12, margin_top=8, margin_bottom=8))


def bind(_factory, row):
    row.get_child().set_label(str(row.get_item().value))


def activate(application):
    rows = Shmobj.Manager.new(manager).list(name)
    factory = Gtk.SignalListItemFactory()
    factory.connect("setup", set_up)
    factory.connect("bind", bind)
    view = Gtk.ListView(model=Gtk.NoSelection(model=Shmobj.ListModel.new(rows)), factory=factory)
    window = Gtk.ApplicationWindow(application=application, title=name, default_width=320, default_height=480)
    window.set_child(Gtk.ScrolledWindow(child=view))
    window.present()


application = Gtk.Application()
application.connect("activate", activate)
sys.exit(application.run())
