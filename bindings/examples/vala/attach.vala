// SPDX-License-Identifier: LGPL-2.1-or-later

// Gets the queue "numbers" itself from the bus service, then uses it without the bus:
//
//     attach put 1 10    puts the numbers from 1 to 10
//     attach get         prints what comes, until that is no number

Variant call (string path, string iface, string method, Variant? arguments, out UnixFDList fds) throws Error {
  var bus = Bus.get_sync (BusType.SESSION);
  return bus.call_with_unix_fd_list_sync ("org.shmobj.Manager1", path, iface, method, arguments, null, DBusCallFlags.NONE, -1,
                                          null, out fds);
}

Shmobj.Queue attach (string name) throws Error {
  UnixFDList fds;
  var options = new Variant ("a{sv}", null);
  var opened = call ("/org/shmobj/Manager1", "org.shmobj.Manager1", "Open",
                     new Variant ("(ss@a{sv})", "queue", name, options), out fds);
  var path = opened.get_child_value (0).get_string ();
  var handle = call (path, "org.shmobj.Manager1.Queue", "Attach", null, out fds);
  return (Shmobj.Queue) Shmobj.Shareable.new_from_handle (typeof (Shmobj.Queue), handle, fds);
}

int main (string[] args) {
  try {
    var queue = attach ("numbers");

    if (args.length > 3) {
      for (int64 i = int64.parse (args[2]); i <= int64.parse (args[3]); i++)
        queue.put (i);
      return 0;
    }

    for (;;) {
      var number = queue.get ();
      if (!number.is_of_type (VariantType.INT64))
        return 0;
      print ("Vala: %s\n", number.print (false));
    }
  } catch (Error error) {
    printerr ("attach: %s\n", error.message);
    return 1;
  }
}
