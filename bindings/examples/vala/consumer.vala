// SPDX-License-Identifier: LGPL-2.1-or-later

// Takes the queue that its parent gave it, the producer of any language, and prints the jobs.

int main () {
  try {
    var jobs = (Shmobj.Queue) Shmobj.Shareable.take_inherited ("jobs", typeof (Shmobj.Queue));

    for (;;) {
      var job = jobs.get ();
      if (!job.is_of_type (VariantType.STRING))
        break; // no more will come
      print ("Vala: %s\n", job.get_string ());
    }
  } catch (Error error) {
    printerr ("consumer: %s\n", error.message);
    return 1;
  }
  return 0;
}
