/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Redis on a Unix socket, for tools/bench: starts a server of its own in a private directory, asks
 * it one thing at a time as a program would, and ends it. Prints nanoseconds per call.
 *
 *     bench-redis CASE [ROUNDS]
 */

#include "run.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEYS 1000
#define MANY 10000
#define TOGETHER 10 /* writes of a transaction */
#define TRIES 500   /* of 10 ms, for the server to come up */

/* One program has several names; Debian's redis-tools has it under the second, without a service.
 */
static const char *programs[] = { "redis-server", "redis-check-rdb" };

static int
start_server (const char *folder, const char *path)
{
  int child = run_fork ();

  if (child == 0)
    {
      if (freopen ("/dev/null", "w", stdout) == NULL)
        _exit (3);
      for (int i = 0; i < 2; i++)
        execlp (programs[i], "redis-server", "--port", "0", "--unixsocket", path, "--save", "",
                "--appendonly", "no", "--dir", folder, NULL);
      fprintf (stderr, "not installed\n");
      _exit (3);
    }
  return child;
}

static int
connect_to (const char *path, int server)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  snprintf (address.sun_path, sizeof address.sun_path, "%s", path);
  for (int i = 0; i < TRIES; i++)
    {
      if (connect (fd, (struct sockaddr *) &address, sizeof address) == 0)
        return fd;
      if (waitpid (server, NULL, WNOHANG) == server)
        break;
      usleep (10000);
    }
  return -1;
}

/* Commands on their way, as the protocol writes them: the number of words, then each with its
 * length. */
typedef struct
{
  char bytes[2048];
  size_t length;
} Text;

static void add_text (Text *text, const char *format, ...) __attribute__ ((format (printf, 2, 3)));

static void
add_text (Text *text, const char *format, ...)
{
  va_list list;
  int added;

  va_start (list, format);
  added = vsnprintf (text->bytes + text->length, sizeof text->bytes - text->length, format, list);
  va_end (list);
  if (added < 0 || (size_t) added >= sizeof text->bytes - text->length)
    run_fail ("redis: too long a text");
  text->length += added;
}

static void
add_words (Text *text, int words, va_list list)
{
  add_text (text, "*%d\r\n", words);
  for (int i = 0; i < words; i++)
    {
      const char *word = va_arg (list, const char *);

      add_text (text, "$%zu\r\n%s\r\n", strlen (word), word);
    }
}

static void
add_command (Text *text, int words, ...)
{
  va_list list;

  va_start (list, words);
  add_words (text, words, list);
  va_end (list);
}

static void
send_text (int fd, const Text *text)
{
  if (write (fd, text->bytes, text->length) != (ssize_t) text->length)
    run_fail ("redis");
}

static void
send_command (int fd, int words, va_list list)
{
  Text text = { .length = 0 };

  add_words (&text, words, list);
  send_text (fd, &text);
}

/* A command whose answer is @n values: a line with their number, and two lines for each. */
static void
ask_for_many (int fd, long n, int words, ...)
{
  static char text[1 << 20];
  va_list list;

  va_start (list, words);
  send_command (fd, words, list);
  va_end (list);
  for (long lines = 0; lines < 1 + 2 * n;)
    {
      ssize_t got = read (fd, text, sizeof text);

      if (got <= 0 || (lines == 0 && text[0] != '*'))
        run_fail ("redis");
      for (char *at = text; (at = memchr (at, '\n', text + got - at)) != NULL; at++)
        lines++;
    }
}

/* One command of @words words, and its whole answer: those we ask for are one line, or a line with
 * the length of a second one. */
static void
ask (int fd, int words, ...)
{
  char text[512];
  size_t got = 0, needed = 1;
  va_list list;

  va_start (list, words);
  send_command (fd, words, list);
  va_end (list);
  while (got < needed || text[got - 1] != '\n')
    {
      ssize_t n = read (fd, text + got, sizeof text - 1 - got);
      char *line;

      if (n <= 0)
        run_fail ("redis");
      got += n;
      text[got] = '\0';
      line = strchr (text, '\n');
      if (text[0] == '-')
        run_fail (text);
      if (text[0] == '$' && line != NULL)
        needed = line + 1 - text + atol (text + 1) + 2;
    }
}

static void
rounds (int fd, const char *command, int with_value, int by_name, long n)
{
  char key[32], value[32];

  for (long i = 0; i < n; i++)
    {
      snprintf (key, sizeof key, by_name ? "key %ld" : "%ld", i % KEYS);
      snprintf (value, sizeof value, "%ld", i);
      if (with_value && by_name)
        ask (fd, 4, command, "dict", key, value);
      else if (with_value)
        ask (fd, 3, command, "list", value);
      else
        ask (fd, 3, command, by_name ? "dict" : "list", key);
    }
}

static void
fill (int fd, int by_name, long n)
{
  char key[32], value[32];

  for (long i = 0; i < n; i++)
    {
      snprintf (key, sizeof key, "key %ld", i);
      snprintf (value, sizeof value, "%ld", i);
      if (by_name)
        ask (fd, 4, "HSET", "dict", key, value);
      else
        ask (fd, 3, "RPUSH", "list", value);
    }
}

static void
list_fill (void *data, long n)
{
  fill (*(int *) data, 0, n);
}

static void
dict_fill (void *data, long n)
{
  fill (*(int *) data, 1, n);
}

static void
list_copy (void *data, long n)
{
  for (long i = 0; i < n; i++)
    ask_for_many (*(int *) data, MANY, 4, "LRANGE", "list", "0", "-1");
}

static void
dict_copy (void *data, long n)
{
  for (long i = 0; i < n; i++)
    ask_for_many (*(int *) data, 2 * MANY, 2, "HGETALL", "dict");
}

static void
list_set (void *data, long n)
{
  char place[32], value[32];

  for (long i = 0; i < n; i++)
    {
      snprintf (place, sizeof place, "%ld", i % KEYS);
      snprintf (value, sizeof value, "%ld", i);
      ask (*(int *) data, 4, "LSET", "list", place, value);
    }
}

static void
list_append (void *data, long n)
{
  rounds (*(int *) data, "RPUSH", 1, 0, n);
}

static void
list_read (void *data, long n)
{
  rounds (*(int *) data, "LINDEX", 0, 0, n);
}

static void
dict_set (void *data, long n)
{
  rounds (*(int *) data, "HSET", 1, 1, n);
}

static void
dict_get (void *data, long n)
{
  rounds (*(int *) data, "HGET", 0, 1, n);
}

/* Ten commands between MULTI and EXEC, sent at once. The answers are a line for each of the twelve,
 * and ten more of EXEC. */
static void
transact (void *data, long n)
{
  char answer[2048], key[32], value[32];
  int fd = *(int *) data;

  for (long i = 0; i < n; i++)
    {
      Text text = { .length = 0 };

      add_command (&text, 1, "MULTI");
      for (long j = 0; j < TOGETHER; j++)
        {
          snprintf (key, sizeof key, "key %ld", (i * TOGETHER + j) % KEYS);
          snprintf (value, sizeof value, "%ld", i);
          add_command (&text, 4, "HSET", "dict", key, value);
        }
      add_command (&text, 1, "EXEC");
      send_text (fd, &text);
      for (int lines = 0; lines < 2 + 2 * TOGETHER;)
        {
          ssize_t got = read (fd, answer, sizeof answer);

          if (got <= 0 || answer[0] == '-')
            run_fail ("redis");
          for (ssize_t at = 0; at < got; at++)
            lines += answer[at] == '\n';
        }
    }
}

static const struct
{
  const char *name;
  RunWork work, prepare;
  long first; /* so much is prepared */
} cases[] = {
  { "list-append", list_append, list_append, KEYS }, { "list-read", list_read, list_append, KEYS },
  { "list-set", list_set, list_append, KEYS },       { "list-copy", list_copy, list_fill, MANY },
  { "dict-set", dict_set, dict_set, KEYS },          { "dict-get", dict_get, dict_set, KEYS },
  { "dict-copy", dict_copy, dict_fill, MANY },       { "transact", transact, dict_set, KEYS },
};

int
main (int argc, char **argv)
{
  char folder[] = "/tmp/bench-redis-XXXXXX", path[64];
  int server, fd, status = 2;

  if (argc < 2 || mkdtemp (folder) == NULL)
    return 2;
  snprintf (path, sizeof path, "%s/socket", folder);
  server = start_server (folder, path);
  fd = connect_to (path, server);
  for (unsigned int i = 0; fd >= 0 && i < sizeof cases / sizeof cases[0]; i++)
    if (strcmp (argv[1], cases[i].name) == 0)
      {
        cases[i].prepare (&fd, cases[i].first);
        run_print (run_served (cases[i].work, &fd, run_number (argc, argv, 2, 5000)));
        status = 0;
      }
  if (fd >= 0)
    {
      kill (server, SIGKILL);
      waitpid (server, NULL, 0);
    }
  unlink (path);
  rmdir (folder);
  return status;
}
