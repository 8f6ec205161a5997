# SPDX-License-Identifier: LGPL-2.1-or-later
"""SharedMemory: the class of the library, and the drop-in for multiprocessing.shared_memory."""

import gc
import multiprocessing
import multiprocessing.shared_memory as standard
import os
import unittest
import weakref
from multiprocessing import resource_tracker

import gi

gi.require_version("Shmobj", "1")
from gi.repository import Shmobj

from shmobj import _errors
from shmobj import multiprocessing as mp
from shmobj.multiprocessing import shared_memory

try:
    import numpy
except ImportError:
    numpy = None


class Class(unittest.TestCase):
    def test_the_extension_is_used_unless_switched_off(self):
        from gi.overrides import Shmobj as override

        self.assertEqual(override._shmobj is None, bool(os.environ.get("SHMOBJ_PYTHON_NO_EXT")))

    def test_buf_is_the_memory(self):
        memory = Shmobj.SharedMemory(size=100)
        view = memory.buf
        self.assertEqual((len(view), view.format, view.readonly, memory.size), (100, "B", False, 100))
        view[3:6] = b"abc"
        self.assertEqual(memory.read_bytes(3, 3).get_data(), b"abc")
        memory.write_data(0, b"xyz")
        self.assertEqual(bytes(view[:6]), b"xyzabc")

    def test_a_view_outlives_everything(self):
        memory = Shmobj.SharedMemory(size=4096)
        view = memory.buf[10:20]
        memory.close()
        self.assertIsNone(memory.buf)
        gone = weakref.ref(memory)
        del memory
        gc.collect()
        view[0] = 7
        self.assertEqual(view[0], 7)
        del view
        gc.collect()
        self.assertIsNone(gone())

    def test_nothing_is_kept_by_looking(self):
        memory = Shmobj.SharedMemory(size=4096)
        memory.buf[0] = 1
        gone = weakref.ref(memory)
        del memory
        gc.collect()
        self.assertIsNone(gone())

    @unittest.skipIf(numpy is None, "numpy is not installed")
    def test_a_numpy_array_outlives_everything(self):
        memory = Shmobj.SharedMemory(size=80)
        array = numpy.ndarray((10,), dtype=numpy.int64, buffer=memory.buf)
        array[:] = range(10)
        with memory:
            pass
        del memory
        gc.collect()
        self.assertEqual(int(array.sum()), 45)

    def test_read_only_memory_is_a_read_only_view(self):
        memory = Shmobj.SharedMemory.new_for_name("shmobj-test-ro", Shmobj.OpenFlags.EXCLUSIVE, 10)
        try:
            other = Shmobj.SharedMemory.new_for_name("shmobj-test-ro", Shmobj.OpenFlags.READ_ONLY, 0)
            self.assertTrue(other.buf.readonly)
            with self.assertRaises(TypeError):
                other.buf[0] = 1
        finally:
            memory.unlink()

    def test_errors_are_the_standard_ones_too(self):
        with self.assertRaises(FileNotFoundError) as caught:
            Shmobj.SharedMemory.new_for_name("shmobj-test-none", Shmobj.OpenFlags.EXISTING, 0)
        self.assertIsInstance(caught.exception, Shmobj.NotFound)
        self.assertIsInstance(caught.exception, Shmobj.Error)
        self.assertIn("shmobj-test-none", str(caught.exception))
        with self.assertRaises(FileNotFoundError):
            Shmobj.SharedMemory(name="shmobj-test-none", open_flags=Shmobj.OpenFlags.EXISTING)
        with self.assertRaises(ValueError):
            Shmobj.SharedMemory.new(0)
        with self.assertRaises(Shmobj.Closed) as caught:
            memory = Shmobj.SharedMemory.new(10)
            memory.close()
            memory.read_bytes(0, 1)
        self.assertEqual(caught.exception.code, Shmobj.Error.CLOSED)
        self.assertTrue(caught.exception.matches(Shmobj.error_quark(), Shmobj.Error.CLOSED))

    def test_the_lists_of_codes_agree(self):
        self.assertEqual(Shmobj.Closed.DOMAIN, "shmobj-error-quark")
        namespace = gi.Repository.get_default()
        info = namespace.find_by_name("Shmobj", "Error")
        codes = {value.get_name().upper(): value.get_value() for value in info.get_values()}
        self.assertEqual(codes, {name: getattr(Shmobj.Error, name) for name in codes})
        self.assertEqual(sorted(codes), sorted(_errors.CODES))


def fill(memory, value):
    memory.buf[:] = bytes([value]) * memory.size


def fill_by_name(name, value):
    memory = shared_memory.SharedMemory(name=name)
    memory.buf[:] = bytes([value]) * memory.size
    memory.close()


class Processes(unittest.TestCase):
    def run_in(self, method, target, *args):
        child = mp.get_context(method).Process(target=target, args=args)
        child.start()
        child.join()
        self.assertEqual(child.exitcode, 0)

    def test_anonymous_memory_goes_to_children_of_each_kind(self):
        memory = Shmobj.SharedMemory(size=1000)
        for value, method in enumerate(multiprocessing.get_all_start_methods(), 1):
            with self.subTest(method):
                self.run_in(method, fill, memory, value)
                self.assertEqual(bytes(memory.buf), bytes([value]) * 1000)

    def test_no_descriptors_are_left_from_starting_children(self):
        memory = Shmobj.SharedMemory(size=1000)
        self.run_in("spawn", fill, memory, 1)
        self.run_in("forkserver", fill, memory, 1)
        before = len(os.listdir("/proc/self/fd"))
        self.run_in("spawn", fill, memory, 1)
        self.run_in("forkserver", fill, memory, 1)
        gc.collect()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_pickling_is_only_for_starting_processes(self):
        import pickle

        with self.assertRaises(RuntimeError):
            pickle.dumps(Shmobj.SharedMemory(size=10))

    def test_drop_in_by_name(self):
        memory = shared_memory.SharedMemory(create=True, size=500)
        try:
            for value, method in enumerate(multiprocessing.get_all_start_methods(), 1):
                with self.subTest(method):
                    self.run_in(method, fill_by_name, memory.name, value)
                    self.assertEqual(bytes(memory.buf), bytes([value]) * 500)
        finally:
            memory.close()
            memory.unlink()


class DropIn(unittest.TestCase):
    def test_what_is_made_here_is_attached_by_the_standard_library(self):
        ours = shared_memory.SharedMemory(create=True, size=100)
        self.assertRegex(ours.name, "^psm_")
        theirs = standard.SharedMemory(name=ours.name)
        resource_tracker.unregister(theirs._name, "shared_memory")
        theirs.buf[0] = 42
        self.assertEqual(ours.buf[0], 42)
        theirs.close()
        ours.close()
        ours.unlink()
        with self.assertRaises(FileNotFoundError):
            standard.SharedMemory(name=ours.name)

    def test_what_the_standard_library_makes_is_attached_here(self):
        theirs = standard.SharedMemory(create=True, size=100)
        ours = shared_memory.SharedMemory(name=theirs.name, track=False)
        self.assertEqual((ours.size, ours.name), (theirs.size, theirs.name))
        ours.buf[99] = 42
        self.assertEqual(theirs.buf[99], 42)
        ours.close()
        theirs.close()
        theirs.unlink()

    def test_arguments_are_refused_as_in_the_standard_library(self):
        for arguments in ({}, {"create": True}, {"create": True, "size": -1}):
            for module in (shared_memory, standard):
                with self.assertRaises(ValueError):
                    module.SharedMemory(**arguments)

    def test_an_existing_name(self):
        ours = shared_memory.SharedMemory(name="shmobj-test-twice", create=True, size=10)
        try:
            with self.assertRaises(FileExistsError):
                shared_memory.SharedMemory(name="shmobj-test-twice", create=True, size=10)
        finally:
            ours.close()
            ours.unlink()
        self.assertIsNone(ours.buf)


if __name__ == "__main__":
    unittest.main()
