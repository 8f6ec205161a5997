// SPDX-License-Identifier: LGPL-2.1-or-later

// SharedMemory, and blocks of a queue, from Vala.

void test_two_handles () {
  try {
    var memory = new Shmobj.SharedMemory (100);
    var other = new Shmobj.SharedMemory.from_fd (memory.dup_fd ());

    memory.write_data (10, { 1, 2, 3 });
    assert (other.get_size () == 100);
    assert (other.read_data (9, 5)[3] == 3);
    other.write_bytes (12, new Bytes ({ 9 }));
    assert (memory.read_bytes (12, 1)[0] == 9);
  } catch (Error error) {
    Test.message (error.message);
    Test.fail ();
  }
}

void test_in_place () {
  try {
    var memory = new Shmobj.SharedMemory (100);
    unowned uint8[] data = memory.get_data ();

    assert (data.length == 100);
    data[99] = 7;
    assert (memory.read_data (99, 1)[0] == 7);
    memory.write_data (0, { 8 });
    assert (data[0] == 8);
  } catch (Error error) {
    Test.message (error.message);
    Test.fail ();
  }
}

void test_loan_at_close (Shmobj.Loan loan, Shmobj.Queue queue) throws Error {
  var other = new Shmobj.Queue ();
  var held = other.loan (1);

  assert (queue.get_held () == 1);
  try {
    other.close ();
    assert_not_reached ();
  } catch (Shmobj.Error.BUSY error) {
  }
  assert (other.is_closed () && held.release () && other.close ());
  assert (loan.release ());
}

void test_loan () {
  try {
    var queue = new Shmobj.Queue ();
    var loan = queue.loan (100);
    unowned uint8[] data = loan.get_data ();

    assert (data.length == 100);
    data[0] = 7;
    loan.write_data (1, { 8, 9 });
    assert (queue.get_held () == 1 && queue.get_in_use () == 1);
    assert (queue.put_loan (loan, 3));
    assert (queue.get_held () == 0 && queue.get_in_use () == 0);

    var taken = queue.take (0);
    unowned uint8[] there = taken.get_data ();

    assert (there.length == 3 && there[0] == 7 && there[2] == 9);
    assert (taken.get_bytes ().get_size () == 3);
    taken.release ();
    assert (queue.is_empty ());
    assert (queue.trim ());
    test_loan_at_close (queue.loan (1), queue);
    assert ((uint64) queue.get_statistics ().lookup_value ("bytes", VariantType.UINT64) == 16 + 3);
  } catch (Error error) {
    Test.message (error.message);
    Test.fail ();
  }
}

void test_error () {
  try {
    new Shmobj.SharedMemory.for_name ("shmobj-vala-there-is-none", Shmobj.OpenFlags.EXISTING, 0);
    Test.fail ();
  } catch (IOError.NOT_FOUND error) {
  } catch (Error error) {
    Test.message (error.message);
    Test.fail ();
  }
}

int main (string[] args) {
  Test.init (ref args);
  Test.add_func ("/vala/memory/a-loan-is-written-and-read-where-it-is", test_loan);
  Test.add_func ("/vala/memory/two-handles-are-one-memory", test_two_handles);
  Test.add_func ("/vala/memory/is-written-in-place", test_in_place);
  Test.add_func ("/vala/memory/missing-name-is-an-error", test_error);
  return Test.run ();
}
