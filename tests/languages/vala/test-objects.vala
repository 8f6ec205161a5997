// SPDX-License-Identifier: LGPL-2.1-or-later

// Queue, Pipe, Lock and Event from Vala: arguments that may be left out, the error domain, and async methods.

delegate void Body () throws Error;

void check (Body body) {
  try {
    body ();
  } catch (Error error) {
    Test.message ("%s", error.message);
    Test.fail ();
  }
}

void test_queue () {
  check (() => {
    var queue = new Shmobj.Queue (2);
    queue.put ("text");
    queue.put (new Variant ("(si)", "a", 1), 0);
    assert (queue.maxsize == 2 && queue.is_full () && queue.get_size () == 2);
    assert ((string) queue.get () == "text");
    assert (queue.get (0).print (true) == "('a', 1)");
  });
}

void test_errors () {
  check (() => {
    var queue = new Shmobj.Queue (1);
    try {
      queue.get (0);
      assert_not_reached ();
    } catch (Shmobj.Error.EMPTY error) {
    }
    queue.put (true);
    try {
      queue.put (true, TimeSpan.MILLISECOND);
      assert_not_reached ();
    } catch (Shmobj.Error.FULL error) {
    }
    var cancellable = new Cancellable ();
    cancellable.cancel ();
    try {
      queue.get (-1, cancellable);
      assert_not_reached ();
    } catch (IOError.CANCELLED error) {
    }
    assert (new Shmobj.Lock ().get_fd () >= 0 && new Shmobj.Event ().get_fd () >= 0);
    queue.close ();
    try {
      queue.get ();
      assert_not_reached ();
    } catch (Shmobj.Error error) {
      assert (error is Shmobj.Error.CLOSED);
    }
  });
}

void test_many () {
  check (() => {
    var queue = new Shmobj.Queue ();
    assert (queue.put_many ({ 1, 2, 3, 4 }) == 4);
    assert (queue.get_many (3).length == 3);
    assert (queue.get_many ().length == 1);
    queue.put_bytes (new Bytes ({ 1, 2 }));
    queue.put_data ({ 3 });
    assert (queue.get_bytes ().length == 2);
    assert (queue.get_bytes ()[0] == 3);
  });
}

void test_messages () {
  check (() => {
    var queue = new Shmobj.Queue ();
    queue.put ("once");
    var message = queue.receive ();
    assert ((string) message.get_value () == "once" && message.get_redelivered () == 0);
    assert (message.get_kind () == Shmobj.MessageKind.VALUE);
    message.give_back ();
    message = queue.receive (0);
    assert (message.get_redelivered () == 1);
    message.done ();
    assert (queue.join ());
  });
}

async int add_up (Shmobj.Queue jobs, Shmobj.Queue answers) throws Error {
  int sum = 0;
  for (;;) {
    var job = yield jobs.get_async ();
    if (job.is_of_type (VariantType.STRING))
      break;
    sum += (int) job;
    yield answers.put_async (sum);
  }
  try {
    yield jobs.get_async (TimeSpan.MILLISECOND);
    assert_not_reached ();
  } catch (Shmobj.Error.EMPTY error) {
  }
  return sum;
}

void test_async () {
  check (() => {
    AsyncResult? result = null;
    var jobs = new Shmobj.Queue ();
    var answers = new Shmobj.Queue ();

    add_up.begin (jobs, answers, (source, ready) => result = ready);
    foreach (int number in new int[] { 1, 2, 39 })
      jobs.put (number);
    jobs.put ("that was all");
    while (result == null)
      MainContext.default ().iteration (true);
    assert (add_up.end (result) == 42);
    assert (answers.get_size () == 3 && (int) answers.get () == 1);
  });
}

async void use_every_call (Shmobj.Queue queue) throws Error {
  var values = new Variant[] { 1, "two", 3.0 };

  assert ((yield queue.put_many_async (values)) == 3);
  var some = yield queue.get_many_async (2);
  assert (some.length == 2 && (int) some[0] == 1 && (string) some[1] == "two");
  var message = yield queue.receive_async ();
  assert ((double) message.get_value () == 3.0);
  try {
    yield queue.join_async (TimeSpan.MILLISECOND);
    assert_not_reached ();
  } catch (IOError.TIMED_OUT error) {
  }
  message.done ();
  assert (yield queue.join_async ());

  yield queue.put_bytes_async (new Bytes ({ 4, 5 }));
  assert ((yield queue.get_bytes_async ())[1] == 5);
  var loan = yield queue.loan_async (10);
  loan.write_data (0, { 6, 7 });
  yield queue.put_loan_async (loan, 2);
  var taken = yield queue.take_async ();
  assert (taken.get_size () == 2 && taken.get_bytes ()[1] == 7);
  assert (taken.release ());
  try {
    yield queue.take_async (0);
    assert_not_reached ();
  } catch (Shmobj.Error.EMPTY error) {
  }
}

void test_every_async () {
  check (() => {
    AsyncResult? result = null;

    use_every_call.begin (new Shmobj.Queue (), (source, ready) => result = ready);
    while (result == null)
      MainContext.default ().iteration (true);
    use_every_call.end (result);
  });
}

void test_pipe () {
  check (() => {
    var pipe = new Shmobj.Pipe ();
    var start = pipe.steal_start (), end = pipe.steal_end ();

    start.send ("there");
    assert ((string) end.receive () == "there");
    end.send ("and back");
    assert (start.poll () && (string) start.receive () == "and back");
    assert (!start.poll (0));
    end.close ();
    try {
      start.receive ();
      assert_not_reached ();
    } catch (Shmobj.Error.PEER_GONE error) {
    }
  });
}

async Shmobj.Connection call_listener (string name) throws Error {
  return yield new Shmobj.Connection.for_name_async (name);
}

void test_listener () {
  check (() => {
    var listener = new Shmobj.Listener ("vala");
    AsyncResult? called = null;

    call_listener.begin ("vala", (source, ready) => called = ready);
    var ours = listener.accept ();
    while (called == null)
      MainContext.default ().iteration (true);
    var theirs = call_listener.end (called);
    ours.send (5);
    assert ((int) theirs.receive () == 5);
    listener.close ();
    try {
      new Shmobj.Connection.for_name ("vala");
      assert_not_reached ();
    } catch (IOError.NOT_FOUND error) {
    }
    assert (new Shmobj.Listener ().name.has_prefix ("listener-"));
  });
}

void test_semaphore () {
  check (() => {
    var places = new Shmobj.Semaphore (2);
    places.acquire ();
    assert (places.get_value () == 1 && places.get_held () == 1 && places.recovers);
    places.acquire (0);
    try {
      places.acquire (0);
      assert_not_reached ();
    } catch (IOError.TIMED_OUT error) {
    }
    places.release ();
    places.release (1);
    assert (places.value == 2);

    var named = new Shmobj.Manager ().open_semaphore ("s", Shmobj.OpenFlags.DEFAULT, 3, 3);
    try {
      named.release ();
      assert_not_reached ();
    } catch (IOError.INVALID_ARGUMENT error) {
    }
    assert (named.get_maximum () == 3 && named.get_fd () >= 0);
  });
}

void test_barrier () {
  check (() => {
    var barrier = new Shmobj.Barrier (1);
    assert (barrier.wait () == 0 && barrier.parties == 1);
    var named = new Shmobj.Manager ().open_barrier ("b", Shmobj.OpenFlags.DEFAULT, 2);
    try {
      named.wait (1000);
      assert_not_reached ();
    } catch (IOError.TIMED_OUT error) {
    }
    assert (named.is_broken ());
    named.reset ();
    assert (!named.is_broken () && named.get_n_waiting () == 0);
  });
}

void test_lock_and_event () {
  check (() => {
    var key = new Shmobj.Lock ();
    key.acquire ();
    assert (key.is_locked () && key.is_owned () && !key.get_abandoned ());
    key.release ();
    assert (!key.is_locked ());

    var event = new Shmobj.Event ();
    try {
      event.wait (0);
      assert_not_reached ();
    } catch (IOError.TIMED_OUT error) {
    }
    event.set ();
    assert (event.wait ());
  });
}

async bool wait_for (Shmobj.Condition condition) throws Error {
  yield condition.get_lock ().acquire_async ();
  return yield condition.wait_async ();
}

void test_condition () {
  check (() => {
    var key = new Shmobj.Lock ();
    var condition = new Shmobj.Condition (key);
    assert (condition.get_lock () == key && condition.get_fd () >= 0);
    key.acquire ();
    try {
      condition.wait (0);
      assert_not_reached ();
    } catch (IOError.TIMED_OUT error) {
    }
    assert (key.is_owned ());
    key.release ();

    var loop = new MainLoop ();
    var notified = false;
    wait_for.begin (condition, (source, result) => {
      try {
        notified = wait_for.end (result);
      } catch (Error error) {
        critical (error.message);
      }
      loop.quit ();
    });
    Timeout.add (1, () => {
      if (condition.get_waiters () == 0)
        return Source.CONTINUE;
      try {
        condition.notify_one ();
        condition.notify_all ();
      } catch (Error error) {
        critical (error.message);
      }
      return Source.REMOVE;
    });
    loop.run ();
    assert (notified && key.is_owned ());
    assert (new Shmobj.Condition ().get_lock () != key);
  });
}

void test_handles () {
  check (() => {
    var fds = new UnixFDList ();
    var queue = new Shmobj.Queue ();
    var handle = queue.to_handle (fds);
    var again = Shmobj.Shareable.new_from_handle (typeof (Shmobj.Queue), handle, fds) as Shmobj.Queue;
    queue.put ("through the other one");
    assert ((string) again.get () == "through the other one");
    try {
      Shmobj.Shareable.new_from_handle (typeof (Shmobj.Lock), handle, fds);
      assert_not_reached ();
    } catch (Shmobj.Error.WRONG_KIND error) {
    }
  });
}

async Shmobj.Message receive_later (Shmobj.Connection connection) throws Error {
  return yield connection.receive_with_fds_async ();
}

async bool send_both_ways (Shmobj.Connection start, Shmobj.Connection end, Shmobj.Queue queue) throws Error {
  yield start.send_object_async (queue);
  var again = (yield end.receive_object_async (typeof (Shmobj.Queue))) as Shmobj.Queue;
  again.put (1);
  yield start.send_bytes_async (new Bytes ({ 7 }));
  return (int) queue.get (0) == 1 && (yield end.receive_bytes_async ())[0] == 7;
}

void test_sent_objects () {
  check (() => {
    var pipe = new Shmobj.Pipe ();
    var start = pipe.steal_start (), end = pipe.steal_end ();
    var queue = new Shmobj.Queue ();
    var fds = new UnixFDList ();

    AsyncResult? sent = null;
    send_both_ways.begin (start, end, queue, (source, ready) => sent = ready);
    while (sent == null)
      MainContext.default ().iteration (true);
    assert (send_both_ways.end (sent));

    start.send_object (queue);
    var again = end.receive_object (typeof (Shmobj.Queue)) as Shmobj.Queue;
    queue.put ("through the other one");
    assert ((string) again.get () == "through the other one");

    start.send_with_fds (new Variant ("(s@(sa{sv}ah))", "jobs", queue.to_handle (fds)), fds);
    AsyncResult? received = null;
    receive_later.begin (end, (source, ready) => received = ready);
    while (received == null)
      MainContext.default ().iteration (true);
    var message = receive_later.end (received);
    var handle = message.get_value ().get_child_value (1);
    again = Shmobj.Shareable.new_from_handle (typeof (Shmobj.Queue), handle, message.get_fd_list ()) as Shmobj.Queue;
    queue.put (5);
    assert ((int) again.get () == 5);

    fds = new UnixFDList ();
    fds.append (1);
    start.send_with_fds ("a descriptor", fds, 0);
    try {
      end.receive (0);
      assert_not_reached ();
    } catch (Shmobj.Error.INCOMPATIBLE error) {
    }
    assert (end.receive_with_fds (0).get_fd_list ().get_length () == 1);
    start.send ("none");
    assert (end.receive_with_fds (0).get_fd_list () == null);
  });
}

int main (string[] args) {
  Test.init (ref args);
  Test.add_func ("/vala/queue/arguments-may-be-left-out", test_queue);
  Test.add_func ("/vala/queue/errors-are-caught-by-name", test_errors);
  Test.add_func ("/vala/queue/many-and-bytes", test_many);
  Test.add_func ("/vala/queue/messages-come-back-unless-done", test_messages);
  Test.add_func ("/vala/queue/async-is-yielded", test_async);
  Test.add_func ("/vala/queue/every-call-that-waits-can-be-yielded", test_every_async);
  Test.add_func ("/vala/pipe", test_pipe);
  Test.add_func ("/vala/listener", test_listener);
  Test.add_func ("/vala/lock-and-event", test_lock_and_event);
  Test.add_func ("/vala/semaphore", test_semaphore);
  Test.add_func ("/vala/barrier", test_barrier);
  Test.add_func ("/vala/condition", test_condition);
  Test.add_func ("/vala/handle-is-the-same-object", test_handles);
  Test.add_func ("/vala/pipe-carries-objects-and-descriptors", test_sent_objects);
  return Test.run ();
}
