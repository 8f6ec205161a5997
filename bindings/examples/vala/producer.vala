// SPDX-License-Identifier: LGPL-2.1-or-later

// Makes a queue, starts the program named on the command line as a child that has the queue, too, and puts three jobs.
// The child is the consumer of any language:
//
//     producer gjs -m bindings/examples/javascript/consumer.js

int main (string[] args) {
  try {
    var jobs = new Shmobj.Queue ();
    var launcher = new SubprocessLauncher (SubprocessFlags.NONE);

    jobs.pass_to (launcher, "jobs");
    var child = launcher.spawnv (args[1:]);

    for (int i = 1; i <= 3; i++)
      jobs.put (@"job $i from Vala");
    jobs.put (false); // no more will come

    child.wait_check ();
  } catch (Error error) {
    printerr ("producer: %s\n", error.message);
    return 1;
  }
  return 0;
}
