// SPDX-License-Identifier: LGPL-2.1-or-later

// Takes three numbers from the queue "jobs" of this session and appends what it made of them to the list "done".
// The same program is next door in C, Python and JavaScript; any number of each may run at once.

int main () {
  try {
    var manager = new Shmobj.Manager ("session");
    var jobs = manager.open_queue ("jobs");
    var done = manager.open_list ("done");

    for (int i = 0; i < 3; i++) {
      int64 number = jobs.get (10 * TimeSpan.SECOND).get_int64 ();
      done.append (@"Vala: $number squared is $(number * number)");
    }
  } catch (Error error) {
    printerr ("worker: %s\n", error.message);
    return 1;
  }
  return 0;
}
