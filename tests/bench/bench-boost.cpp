/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boost, for tools/bench: its queue between processes, and its lock-free queue for one writer and one
 * reader in shared memory, which neither waits nor survives a death: the ceiling. Prints nanoseconds.
 *
 *     bench-boost CASE [NUMBER…]
 */

#include "run.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <unistd.h>

namespace ipc = boost::interprocess;

namespace
{

constexpr std::size_t MESSAGE = 64;
constexpr std::size_t DEPTH = 16384; // 1 MiB of messages
constexpr std::size_t LARGE = 1024 * 1024;

char buffer[LARGE];

// ---- message_queue ----

struct Queue
{
  std::string name;
  std::unique_ptr<ipc::message_queue> queue;
  std::size_t size;

  Queue (const char *suffix, std::size_t depth, std::size_t message)
      : name ("bench-boost-" + std::to_string (getpid ()) + suffix), size (message)
  {
    ipc::message_queue::remove (name.c_str ());
    queue.reset (new ipc::message_queue (ipc::create_only, name.c_str (), depth, message));
    ipc::message_queue::remove (name.c_str ()); // the mapping is enough: children inherit it
  }

  void
  put ()
  {
    queue->send (buffer, size, 0);
  }

  void
  get ()
  {
    ipc::message_queue::size_type got;
    unsigned int priority;

    queue->receive (buffer, size, got, priority);
  }
};

void
put_all (void *data, long n)
{
  for (; n > 0; n--)
    static_cast<Queue *> (data)->put ();
}

void
get_all (void *data, long n)
{
  for (; n > 0; n--)
    static_cast<Queue *> (data)->get ();
}

void
pairs (void *data, long n)
{
  for (; n > 0; n--)
    {
      static_cast<Queue *> (data)->put ();
      static_cast<Queue *> (data)->get ();
    }
}

double
queue (int argc, char **argv)
{
  long maxsize = run_number (argc, argv, 4, 0);
  Queue q ("", maxsize > 0 ? maxsize : DEPTH, MESSAGE);

  return run_workers (put_all, run_number (argc, argv, 2, 1), get_all, run_number (argc, argv, 3, 1), &q,
                      run_number (argc, argv, 5, 300000));
}

double
pair (int argc, char **argv)
{
  Queue q ("", DEPTH, MESSAGE);

  return run_solo (pairs, &q, run_number (argc, argv, 2, 300000));
}

double
large (int argc, char **argv)
{
  Queue q ("", 2, LARGE);

  return run_solo (pairs, &q, run_number (argc, argv, 2, 200));
}

struct Trip
{
  Queue there, back;
};

void
here (void *data, long n)
{
  for (; n > 0; n--)
    {
      static_cast<Trip *> (data)->there.put ();
      static_cast<Trip *> (data)->back.get ();
    }
}

void
there (void *data, long n)
{
  for (; n > 0; n--)
    {
      static_cast<Trip *> (data)->there.get ();
      static_cast<Trip *> (data)->back.put ();
    }
}

double
trip (int argc, char **argv)
{
  Trip t{ { "-there", DEPTH, MESSAGE }, { "-back", DEPTH, MESSAGE } };

  return run_pair (here, there, &t, run_number (argc, argv, 2, 10000));
}

// ---- spsc_queue ----

struct Item
{
  char bytes[MESSAGE];
};

typedef boost::lockfree::spsc_queue<Item, boost::lockfree::capacity<DEPTH>> Spsc;

void
push_all (void *data, long n)
{
  Item item;

  std::memset (&item, 0, sizeof item);
  for (; n > 0; n--)
    while (!static_cast<Spsc *> (data)->push (item))
      ;
}

void
pop_all (void *data, long n)
{
  Item item;

  for (; n > 0; n--)
    while (!static_cast<Spsc *> (data)->pop (item))
      ;
}

double
spsc (int argc, char **argv)
{
  return run_workers (push_all, 1, pop_all, 1, new (run_shared (sizeof (Spsc))) Spsc,
                      run_number (argc, argv, 2, 2000000));
}

} // namespace

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    double (*run) (int argc, char **argv);
  } cases[] = { { "queue", queue }, { "pair", pair }, { "large", large }, { "trip", trip }, { "spsc", spsc } };

  for (const auto &one : cases)
    if (argc > 1 && std::strcmp (argv[1], one.name) == 0)
      {
        std::printf ("%.3f\n", one.run (argc, argv));
        return 0;
      }
  std::fprintf (stderr, "bench-boost: no such case\n");
  return 2;
}
