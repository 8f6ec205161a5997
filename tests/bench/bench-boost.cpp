/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Boost, for tools/bench: its queue between processes, and its lock-free queue for one writer and one
 * reader in shared memory, which neither waits nor survives a death: the ceiling. Prints nanoseconds.
 *
 *     bench-boost message_queue|spsc CASE SIZE WRITERS READERS DEPTH MESSAGES
 */

#include "channel.h"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/lockfree/spsc_queue.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <unistd.h>

namespace ipc = boost::interprocess;

namespace
{

constexpr std::size_t DEPTH = 16384;
constexpr std::size_t BYTES = 1024 * 1024; // of messages in a queue, if so many fit
constexpr std::size_t FEWEST = 4;

constexpr std::size_t
depth_for (std::size_t size)
{
  return std::min (DEPTH, std::max (FEWEST, BYTES / size));
}

// ---- message_queue ----

std::unique_ptr<ipc::message_queue> queues[2];

void
queue_create ()
{
  std::size_t depth = channel_plan.depth > 0 ? channel_plan.depth : depth_for (channel_plan.size);

  for (int i = 0; i < channel_plan.lanes; i++)
    {
      std::string name = "bench-boost-" + std::to_string (getpid ()) + "-" + std::to_string (i);

      ipc::message_queue::remove (name.c_str ());
      queues[i].reset (new ipc::message_queue (ipc::create_only, name.c_str (), depth, channel_plan.size));
      ipc::message_queue::remove (name.c_str ()); // the mapping is enough: children inherit it
    }
}

void
queue_put (int lane, long n)
{
  for (; n > 0; n--)
    queues[lane]->send (channel_plan.buffer, channel_plan.size, 0);
}

void
queue_get (int lane, long n)
{
  ipc::message_queue::size_type got;
  unsigned int priority;

  for (; n > 0; n--)
    queues[lane]->receive (channel_plan.buffer, channel_plan.size, got, priority);
}

// ---- spsc_queue: the size is part of its type ----

template <std::size_t SIZE> struct Spsc
{
  struct Item
  {
    char bytes[SIZE];
  };

  typedef boost::lockfree::spsc_queue<Item, boost::lockfree::capacity<depth_for (SIZE)>> Queue;

  static Queue *queue;

  static void
  create ()
  {
    queue = new (run_shared (sizeof (Queue))) Queue;
  }

  static void
  put (long n)
  {
    Item *item = reinterpret_cast<Item *> (channel_plan.buffer);

    for (; n > 0; n--)
      while (!queue->push (*item))
        ;
  }

  static void
  get (long n)
  {
    Item *item = reinterpret_cast<Item *> (channel_plan.buffer);

    for (; n > 0; n--)
      while (!queue->pop (*item))
        ;
  }
};

template <std::size_t SIZE> typename Spsc<SIZE>::Queue *Spsc<SIZE>::queue;

struct
{
  std::size_t size;
  void (*create) ();
  void (*put) (long n);
  void (*get) (long n);
} const sizes[] = {
  { 8, Spsc<8>::create, Spsc<8>::put, Spsc<8>::get },
  { 64, Spsc<64>::create, Spsc<64>::put, Spsc<64>::get },
  { 1024, Spsc<1024>::create, Spsc<1024>::put, Spsc<1024>::get },
  { 65536, Spsc<65536>::create, Spsc<65536>::put, Spsc<65536>::get },
  { 1048576, Spsc<1048576>::create, Spsc<1048576>::put, Spsc<1048576>::get },
};

unsigned int spsc;

void
spsc_create ()
{
  while (sizes[spsc].size != channel_plan.size)
    if (++spsc == sizeof sizes / sizeof sizes[0])
      run_fail ("no such size");
  sizes[spsc].create ();
}

void
spsc_put (int, long n)
{
  sizes[spsc].put (n);
}

void
spsc_get (int, long n)
{
  sizes[spsc].get (n);
}

const Channel channels[] = {
  { "message_queue", queue_create, nullptr, nullptr, queue_put, queue_get },
  { "spsc", spsc_create, nullptr, nullptr, spsc_put, spsc_get },
};

} // namespace

int
main (int argc, char **argv)
{
  return channel_main (argc, argv, channels, sizeof channels / sizeof channels[0]);
}
