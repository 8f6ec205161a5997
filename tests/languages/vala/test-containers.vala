// SPDX-License-Identifier: LGPL-2.1-or-later

// Manager, List and Dict from Vala: indexing, assigning, loops.

delegate void Body (Shmobj.Manager manager) throws Error;

void check (Body body) {
  try {
    body (new Shmobj.Manager ());
  } catch (Error error) {
    Test.message ("%s", error.message);
    Test.fail ();
  }
}

void test_list () {
  check ((manager) => {
    var list = manager.open_list ("rows");
    list.append ("a");
    list.extend ({ 2, 2.5 });
    list[0] = "first";
    assert ((string) list[0] == "first");
    assert ((double) list[-1] == 2.5);
    assert (2 in list && list.index (2) == 1);
    assert (list.get_range ().length == 3 && list.get_range (1, 2).length == 1);
    assert ((double) list.pop () == 2.5 && list.get_length () == 2);
    try {
      list.get (5);
      assert_not_reached ();
    } catch (IOError.NOT_FOUND error) {
    }
  });
}

void test_list_loop () {
  check ((manager) => {
    var list = manager.open_list ();
    int sum = 0;

    for (int i = 0; i < 600; i++)
      list.append (i);
    foreach (var number in list.get_range ())
      sum += (int) number;
    foreach (var number in list) {
      sum -= (int) number;
      if ((int) number == 300)
        list.set_range (0, 600, { -1, -1 });
    }
    assert (sum == 0 && list.get_length () == 2);
  });
}

void test_list_order () {
  check ((manager) => {
    var list = manager.open_list ();

    list.extend ({ "bb", "a", "cc", "d" });
    list.sort ((a, b) => ((string) a).length - ((string) b).length);
    assert (text (list) == "a d bb cc");
    list.reverse ();
    list.repeat (2);
    assert (text (list) == "cc bb d a cc bb d a");
    var taken = list.splice (-3, 2, { "x" });
    assert (taken.length == 2 && (string) taken[0] == "bb" && text (list) == "cc bb d a cc x a");
    list.set_slice (int64.MAX, int64.MIN, -3, { "1", "2", "3" });
    assert (text (list) == "3 bb d 2 cc x 1");
    list.delete_slice (0, 7, 2);
    assert (text (list) == "bb 2 x");

    var revision = list.get_revision ();
    assert (list.reorder (revision, { 2, 1, 0 }) && !list.reorder (revision, { 2, 1, 0 }));
    assert (text (list) == "x 2 bb");
    try {
      list.set_slice (0, 3, 2, { "1" });
      assert_not_reached ();
    } catch (IOError.INVALID_ARGUMENT error) {
    }
  });
}

string text (Shmobj.List list) throws Error {
  string[] words = {};

  foreach (var word in list)
    words += (string) word;
  return string.joinv (" ", words);
}

void test_dict () {
  check ((manager) => {
    var dict = manager.open_dict ("conf");
    dict["volume"] = 11;
    dict["name"] = "desk";
    dict[7] = true;
    assert ((int) dict["volume"] == 11);
    assert ((string) dict["name"] == "desk" && (bool) dict[(int64) 7]);
    assert ("volume" in dict && !("none" in dict));
    assert (dict.lookup ("none") == null && dict.lookup ("name") != null);
    try {
      var none = dict["none"];
      assert (none == null);
      assert_not_reached ();
    } catch (IOError.NOT_FOUND error) {
    }

    string names = "";
    foreach (var key in dict.keys ())
      names += key.print (false);
    assert (names == "'volume''name'7");
    foreach (var item in dict.items ())
      names += item.print (false);
    assert (names.has_suffix ("(<int64 7>, <true>)"));
  });
}

void test_value () {
  check ((manager) => {
    var counter = manager.open_value ("n", Shmobj.OpenFlags.DEFAULT, 5);
    assert ((int) counter.get () == 5);
    assert ((int) counter.add (2) == 7);
    assert (counter.compare_and_set ((int64) 7, "seven") && !counter.compare_and_set (7, 8));
    assert ((string) manager.open_value ("n").get () == "seven");
    counter.set (2.5);
    assert ((double) counter.add (1) == 3.5);
    assert (manager.open_value ().get ().is_of_type (VariantType.MAYBE));
    try {
      manager.open_value ().add (1);
      assert_not_reached ();
    } catch (IOError.INVALID_ARGUMENT error) {
    }
  });
}

void test_container () {
  check ((manager) => {
    Shmobj.Container[] all = { manager.open_list ("l"), manager.open_dict ("d"), manager.open_value ("v") };

    foreach (unowned var container in all) {
      assert (container.manager == manager && container.get_revision () == 1);
      container.close ();
      try {
        container.get_revision ();
        assert_not_reached ();
      } catch (Shmobj.Error.CLOSED error) {
      }
    }
    assert (all[0].name == "l" && all[1].name == "d");
  });
}

void test_bind () {
  try {
    var dict = new Shmobj.Manager (null).open_dict ();
    var action = new SimpleAction ("a", null);
    string? failed = null;
    dict["on"] = false;
    dict.bind_failed.connect ((key, error) => { failed = key; });
    dict.bind ("on", action, "enabled");
    assert (!action.enabled);
    action.set_enabled (true);
    assert ((bool) dict["on"]);
    dict["on"] = "always";
    while (failed == null)
      MainContext.default ().iteration (true);
    assert (failed == "on" && action.enabled);
    Shmobj.Dict.unbind (action, "enabled");
    dict["on"] = false;
    var muted = dict.create_action ("on");
    muted.activate (null);
    assert ((bool) dict["on"] && (bool) muted.get_state ());
  } catch (Error e) {
    error ("%s", e.message);
  }
}

async void wait_for_change (Shmobj.List list, Shmobj.Dict dict) throws Error {
  assert ((yield list.wait_async (1)) == 2);
  assert ((int) (yield dict.wait_key_async ("k", 1)) == 2);
}

void test_waiting () {
  check ((manager) => {
    var list = manager.open_list ();
    var dict = manager.open_dict ();
    var loop = new MainLoop ();

    assert (list.wait (0) == 1);
    try {
      dict.wait_key ("k", null, 1000);
      assert_not_reached ();
    } catch (IOError.TIMED_OUT error) {
    }
    wait_for_change.begin (list, dict, (source, result) => {
      try {
        wait_for_change.end (result);
      } catch (Error error) {
        Test.fail ();
      }
      loop.quit ();
    });
    list.append (1);
    dict["k"] = 1;
    Idle.add (() => {
      try {
        dict["k"] = 2;
      } catch (Error error) {
        Test.fail ();
      }
      return Source.REMOVE;
    });
    loop.run ();
    assert ((int) dict.wait_key ("k") == 2);
  });
}

void test_inside_of_others () {
  check ((manager) => {
    var table = manager.open_list ("table");
    var row = manager.open_dict ();
    row["a"] = 1;
    table.append (row.get_reference ());
    var same = (Shmobj.Dict) manager.open_reference (table[0]);
    same["b"] = 2;
    assert ((int) row["b"] == 2 && same.name == null && !same.get_read_only ());
    foreach (var item in table)
      assert (item.is_of_type (VariantType.OBJECT_PATH));
    try {
      new Shmobj.Manager ().open_list ().append (row.get_reference ());
      assert_not_reached ();
    } catch (Shmobj.Error.NOT_REPRESENTABLE error) {
    }
  });
}

void test_manager () {
  check ((manager) => {
    manager.open_queue ("jobs", Shmobj.OpenFlags.DEFAULT, 3).put ("x");
    assert (manager.open_queue ("jobs").maxsize == 3);
    manager.open_lock ("key").acquire ();
    assert (manager.open_lock ("key").is_locked ());
    manager.open_event ("go").set ();
    assert (manager.open_event ("go").is_set ());
    manager.open_memory ("block", Shmobj.OpenFlags.DEFAULT, 64).write_data (0, { 5 });
    assert (manager.open_memory ("block").read_data (0, 1)[0] == 5);
    try {
      manager.open_list ("typo", Shmobj.OpenFlags.EXISTING);
      assert_not_reached ();
    } catch (IOError.NOT_FOUND error) {
    }
    try {
      manager.open_list ("jobs");
      assert_not_reached ();
    } catch (Shmobj.Error.WRONG_KIND error) {
    }
  });
}

void test_transact () {
  check ((manager) => {
    var from = manager.open_list ("from"), to = manager.open_list ("to");

    from.extend ({ "a", "b" });
    manager.transact (-1, (same) => {
      assert (same == manager);
      to.append (from.pop (0));
      return true;
    });
    assert (text (to) == "a" && from.get_length () == 1);
    try {
      manager.transact (0, () => {
        to.append (from.pop (0));
        from.pop ();
        return true;
      });
      assert_not_reached ();
    } catch (IOError.NOT_FOUND error) {
    }
    assert (text (to) == "a" && from.get_length () == 1);

    var transaction = manager.begin ();
    to.clear ();
    transaction.rollback ();
    assert (to.get_length () == 1);

    transaction = manager.begin ();
    var made = manager.open_list ("made");
    manager.remove ("to");
    transaction.rollback ();
    try {
      made.append (1);
      assert_not_reached ();
    } catch (IOError.NOT_FOUND error) {
    }
    assert (manager.lookup ("made") == null && manager.lookup ("to") == "list");
    manager.transact (-1, () => {
      manager.open_list ("made").append ("x");
      manager.remove ("to");
      return true;
    });
    assert (text (manager.open_list ("made")) == "x" && manager.lookup ("to") == null);
  });
}

void test_sync () {
  check ((manager) => {
    assert (manager.sync_interval_us == 0);
    try {
      manager.sync ();
      assert_not_reached ();
    } catch (IOError.NOT_SUPPORTED error) {
    }
  });
}

async int move_later (Shmobj.Manager manager, Shmobj.List from, Shmobj.List to) throws Error {
  var runs = 0;

  yield manager.transact_async (-1, (same) => {
    assert (same == manager);
    to.append (from.pop (0));
    runs++;
    return true;
  });
  try {
    yield manager.transact_async (-1, () => {
      to.append (from.pop (0));
      runs++;
      from.pop ();
      return true;
    });
    assert_not_reached ();
  } catch (IOError.NOT_FOUND error) {
  }
  return runs;
}

void test_transact_async () {
  check ((manager) => {
    var from = manager.open_list ("from"), to = manager.open_list ("to");
    AsyncResult? result = null;

    from.extend ({ "a", "b" });
    move_later.begin (manager, from, to, (source, ready) => result = ready);
    assert (from.get_length () == 2); /* not before the main loop runs */
    while (result == null)
      MainContext.default ().iteration (true);
    assert (move_later.end (result) == 2);
    assert (text (to) == "a" && from.get_length () == 1);
  });
}

int main (string[] args) {
  Test.init (ref args);
  Test.add_func ("/vala/list/is-indexed-and-assigned-to", test_list);
  Test.add_func ("/vala/list/in-a-loop", test_list_loop);
  Test.add_func ("/vala/list/in-another-order", test_list_order);
  Test.add_func ("/vala/dict/is-indexed-and-assigned-to", test_dict);
  Test.add_func ("/vala/dict/is-bound-to-a-property", test_bind);
  Test.add_func ("/vala/value/counts-and-compares", test_value);
  Test.add_func ("/vala/container/is-the-parent-of-all", test_container);
  Test.add_func ("/vala/container/waits", test_waiting);
  Test.add_func ("/vala/container/inside-of-others", test_inside_of_others);
  Test.add_func ("/vala/manager/opens-by-name", test_manager);
  Test.add_func ("/vala/manager/transacts", test_transact);
  Test.add_func ("/vala/manager/synchronises", test_sync);
  Test.add_func ("/vala/manager/transacts-without-blocking", test_transact_async);
  return Test.run ();
}
