/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* shmobj: what a user's managers hold and who uses it, and their objects in shell scripts.
 *
 * It works on the shared memory itself; no service has to run. Each command makes one GVariant,
 * which is printed for people, or with --json for programs. Values are written as GVariant text, as
 * gsettings has them: 5, 'five', [1, 2], {'a': <1>}; what is none is a string.
 *
 * It ends with 0; 1 for an error, which it names; 2 for a call that it does not understand. With
 * `lock` it ends as the command did that it ran.
 */

#include "shmobj-command.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define USAGE_ERROR 2

Options options = { .timeout_s = -1 };
static char **command_to_run; /* what follows "--" */

static const GOptionEntry entries[] = {
  { "manager", 'm', 0, G_OPTION_ARG_STRING, &options.manager,
    "Of this manager: a name or a path (default: session)", "MANAGER" },
  { "timeout", 't', 0, G_OPTION_ARG_DOUBLE, &options.timeout_s,
    "Wait so long at most (default: for ever)", "SECONDS" },
  { "json", 'j', 0, G_OPTION_ARG_NONE, &options.as_json, "Print JSON", NULL },
  { "dry-run", 'n', 0, G_OPTION_ARG_NONE, &options.dry_run, "clean: only tell", NULL },
  { NULL },
};

static const char description[] =
    "Commands:\n"
    "  list                         the objects of all managers, or of the one named\n"
    "  show NAME                    what an object holds\n"
    "  who [NAME]                   who uses an object, or the manager\n"
    "  remove NAME                  takes the name away; those who have the object open keep it\n"
    "  clean                        removes private managers whose users were all killed, and\n"
    "                               objects that only refer to each other\n"
    "  lock NAME -- COMMAND…        runs a command while it holds the lock\n"
    "  queue put NAME VALUE…        puts values\n"
    "  queue get NAME               takes the next value\n"
    "  dict get NAME KEY            a value\n"
    "  dict set NAME KEY VALUE      sets it\n"
    "  value get NAME               a value\n"
    "  value set NAME VALUE         sets it\n"
    "  append NAME VALUE…           appends to a list\n"
    "  export MANAGER FILE          writes what a manager holds to a file\n"
    "  import FILE PATH             makes a manager on disk from it\n"
    "\n"
    "Values are GVariant text (5, 'five', [1, 2]); what is none is a string.\n";

static gint64
timeout_us (void)
{
  return options.timeout_s < 0
             ? -1
             : (gint64) MIN (options.timeout_s * G_USEC_PER_SEC, (double) G_MAXINT64 / 2);
}

/* A value (owned). */
static GVariant *
parse_value (const char *text)
{
  GVariant *value = g_variant_parse (NULL, text, NULL, NULL, NULL);

  return value != NULL ? value : g_variant_ref_sink (g_variant_new_string (text));
}

/* ---- managers ---- */

ShmobjManager *
open_manager (gboolean make, GError **error)
{
  const char *address = options.manager != NULL ? options.manager : "session";
  g_autofree char *format = g_build_filename (address, "format", NULL);
  g_auto (GStrv) known = NULL;
  gboolean there = make;

  if (!make && *address == '/')
    there = g_file_test (format, G_FILE_TEST_EXISTS);
  else if (!make)
    {
      known = shmobj_manager_list_addresses (error);
      if (known == NULL)
        return NULL;
      there = g_strv_contains ((const char *const *) known, address);
    }
  if (there)
    return shmobj_manager_new (address, NULL, error);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "There is no manager “%s”", address);
  return NULL;
}

/* ---- removing ---- */

static gboolean
run_remove (char **words, GError **error)
{
  g_autoptr (ShmobjManager) manager = open_manager (FALSE, error);

  return manager != NULL && shmobj_manager_remove (manager, words[0], error);
}

static const char *
done (void)
{
  return options.dry_run ? "would remove" : "removed";
}

/* Private managers without users. */
static gboolean
clean_managers (GVariantBuilder *all, GError **error)
{
  g_auto (GStrv) paths = shmobj_manager_clean (options.dry_run, error);

  for (char **path = paths; path != NULL && *path != NULL; path++)
    {
      g_variant_builder_add (all, "v", g_variant_new_string (*path));
      if (!options.as_json)
        g_print ("%s %s\n", done (), *path);
    }
  return paths != NULL;
}

/* Objects that nobody can get at. */
static gboolean
clean_objects (const char *address, GVariantBuilder *all, GError **error)
{
  g_autoptr (ShmobjManager) manager = shmobj_manager_new (address, NULL, error);
  gint64 n = manager != NULL ? shmobj_manager_clean_objects (manager, options.dry_run, error) : -1;

  if (n > 0)
    {
      g_variant_builder_add (
          all, "v", g_variant_new_parsed ("{'manager': <%s>, 'objects': <%x>}", address, n));
      if (!options.as_json)
        g_print ("%s %" G_GINT64_FORMAT " objects of %s\n", done (), n, address);
    }
  return n >= 0;
}

static gboolean
clean_all (GVariantBuilder *all, GError **error)
{
  g_auto (GStrv) addresses = NULL;
  gboolean good = clean_managers (all, error);

  if (good)
    addresses = shmobj_manager_list_addresses (error);
  for (char **address = addresses; good && address != NULL && *address != NULL; address++)
    good = clean_objects (*address, all, error);
  return good && addresses != NULL;
}

static gboolean
run_clean (char **words, GError **error)
{
  GVariantBuilder all = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("av"));
  g_autoptr (ShmobjManager) named = NULL;
  g_autoptr (GVariant) array = NULL;
  gboolean good;

  if (options.manager != NULL)
    good = (named = open_manager (FALSE, error)) != NULL &&
           clean_objects (options.manager, &all, error);
  else
    good = clean_all (&all, error);
  array = g_variant_ref_sink (g_variant_builder_end (&all));
  if (good && options.as_json)
    print_json (array);
  return good;
}

/* ---- in scripts ---- */

static int exit_status;

static void
listen_to_signals (gpointer data)
{
  signal (SIGINT, SIG_DFL);
  signal (SIGQUIT, SIG_DFL);
}

/* Ctrl-C is for the command; we go on, to release the lock in good order. */
static gboolean
run_command (GError **error)
{
  int status;

  signal (SIGINT, SIG_IGN);
  signal (SIGQUIT, SIG_IGN);
  if (!g_spawn_sync (NULL, command_to_run, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN,
                     listen_to_signals, NULL, NULL, NULL, &status, error))
    return FALSE;
  exit_status = WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
  return TRUE;
}

static gboolean
run_lock (char **words, GError **error)
{
  g_autoptr (ShmobjManager) manager = open_manager (TRUE, error);
  g_autoptr (ShmobjLock) lock = NULL;
  gboolean good;

  if (manager == NULL)
    return FALSE;
  lock = shmobj_manager_open_lock (manager, words[0], SHMOBJ_OPEN_DEFAULT, NULL, error);
  if (lock == NULL || !shmobj_lock_acquire (lock, timeout_us (), NULL, error))
    return FALSE;
  if (shmobj_lock_get_abandoned (lock))
    g_printerr ("shmobj: the last holder of “%s” died while it held it\n", words[0]);
  good = run_command (error);
  return shmobj_lock_release (lock, good ? error : NULL) && good;
}

static gboolean
run_queue (char **words, GError **error)
{
  gboolean putting = g_str_equal (words[0], "put");
  g_autoptr (ShmobjManager) manager = open_manager (putting, error);
  g_autoptr (ShmobjQueue) queue = NULL;
  g_autoptr (GVariant) value = NULL;

  if (manager == NULL)
    return FALSE;
  queue = shmobj_manager_open_queue (
      manager, words[1], putting ? SHMOBJ_OPEN_DEFAULT : SHMOBJ_OPEN_EXISTING, 0, 0, NULL, error);
  if (queue == NULL)
    return FALSE;
  if (!putting)
    {
      value = shmobj_queue_get (queue, timeout_us (), NULL, error);
      if (value != NULL)
        print_value (value);
      return value != NULL;
    }
  for (char **word = words + 2; *word != NULL; word++)
    {
      g_autoptr (GVariant) message = parse_value (*word);

      if (!shmobj_queue_put (queue, message, timeout_us (), NULL, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
run_dict (char **words, GError **error)
{
  gboolean setting = g_str_equal (words[0], "set");
  g_autoptr (ShmobjManager) manager = open_manager (setting, error);
  g_autoptr (GVariant) key = parse_value (words[2]);
  g_autoptr (GVariant) value = NULL;
  g_autoptr (ShmobjDict) dict = NULL;

  if (manager == NULL)
    return FALSE;
  dict = shmobj_manager_open_dict (
      manager, words[1], setting ? SHMOBJ_OPEN_DEFAULT : SHMOBJ_OPEN_EXISTING, NULL, error);
  if (dict == NULL)
    return FALSE;
  if (setting)
    {
      value = parse_value (words[3]);
      return shmobj_dict_set (dict, key, value, error);
    }
  value = shmobj_dict_get (dict, key, error);
  if (value != NULL)
    print_value (value);
  return value != NULL;
}

static gboolean
run_value (char **words, GError **error)
{
  gboolean setting = g_str_equal (words[0], "set");
  g_autoptr (ShmobjManager) manager = open_manager (setting, error);
  g_autoptr (ShmobjValue) value = NULL;
  g_autoptr (GVariant) content = NULL;

  if (manager == NULL)
    return FALSE;
  value = shmobj_manager_open_value (
      manager, words[1], setting ? SHMOBJ_OPEN_DEFAULT : SHMOBJ_OPEN_EXISTING, NULL, NULL, error);
  if (value == NULL)
    return FALSE;
  content = setting ? parse_value (words[2]) : shmobj_value_get (value, error);
  if (setting)
    return shmobj_value_set (value, content, error);
  if (content != NULL)
    print_value (content);
  return content != NULL;
}

static gboolean
run_append (char **words, GError **error)
{
  g_autoptr (ShmobjManager) manager = open_manager (TRUE, error);
  g_autoptr (ShmobjList) list = NULL;

  if (manager == NULL)
    return FALSE;
  list = shmobj_manager_open_list (manager, words[0], SHMOBJ_OPEN_DEFAULT, NULL, error);
  for (char **word = words + 1; list != NULL && *word != NULL; word++)
    {
      g_autoptr (GVariant) value = parse_value (*word);

      if (!shmobj_list_append (list, value, error))
        return FALSE;
    }
  return list != NULL;
}

/* ---- main ---- */

/* What a command's first words are, and how many may follow. */
static const struct
{
  const char *name, *verb;
  guint least, most;
  gboolean runs_command;
  gboolean (*run) (char **words, GError **error);
} commands[] = {
  { "list", NULL, 0, 0, FALSE, run_list },
  { "show", NULL, 1, 1, FALSE, run_show },
  { "who", NULL, 0, 1, FALSE, run_who },
  { "remove", NULL, 1, 1, FALSE, run_remove },
  { "clean", NULL, 0, 0, FALSE, run_clean },
  { "lock", NULL, 1, 1, TRUE, run_lock },
  { "queue", "put", 3, G_MAXUINT, FALSE, run_queue },
  { "queue", "get", 2, 2, FALSE, run_queue },
  { "dict", "get", 3, 3, FALSE, run_dict },
  { "dict", "set", 4, 4, FALSE, run_dict },
  { "value", "get", 2, 2, FALSE, run_value },
  { "value", "set", 3, 3, FALSE, run_value },
  { "append", NULL, 2, G_MAXUINT, FALSE, run_append },
  { "export", NULL, 2, 2, FALSE, run_export },
  { "import", NULL, 2, 2, FALSE, run_import },
};

static int
dispatch (char **words)
{
  guint n_words = g_strv_length (words);

  for (gsize i = 0; n_words > 0 && i < G_N_ELEMENTS (commands); i++)
    if (g_str_equal (words[0], commands[i].name) &&
        (commands[i].verb == NULL || g_strcmp0 (words[1], commands[i].verb) == 0) &&
        n_words - 1 >= commands[i].least && n_words - 1 <= commands[i].most &&
        (command_to_run != NULL) == commands[i].runs_command)
      {
        g_autoptr (GError) error = NULL;

        if (commands[i].run (words + 1, &error))
          return exit_status;
        if (error != NULL)
          g_printerr ("shmobj: %s\n", error->message);
        return EXIT_FAILURE;
      }
  g_printerr ("shmobj: not a command of mine; shmobj --help tells them\n");
  return USAGE_ERROR;
}

/* Cuts off what follows "--", which is not ours to parse: the command of `lock`. */
static char **
split (int *argc, char **argv)
{
  for (int i = 1; i < *argc; i++)
    if (g_str_equal (argv[i], "--"))
      {
        argv[i] = NULL;
        *argc = i;
        return argv + i + 1;
      }
  return argv + *argc;
}

/* Other commands go on behind "--" with words that may begin with "-". */
static char **
join (char **words, char **rest)
{
  GStrvBuilder *builder = g_strv_builder_new ();
  char **joined;

  g_strv_builder_addv (builder, (const char **) words);
  if (g_strcmp0 (words[0], "lock") == 0)
    command_to_run = *rest != NULL ? rest : NULL;
  else
    g_strv_builder_addv (builder, (const char **) rest);
  joined = g_strv_builder_end (builder);
  g_strv_builder_unref (builder);
  return joined;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("COMMAND… — shared objects");
  char **rest = split (&argc, argv);
  g_auto (GStrv) words = NULL;
  g_autoptr (GError) error = NULL;

  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_description (context, description);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("shmobj: %s\n", error->message);
      return USAGE_ERROR;
    }
  words = join (argv + 1, rest);
  return dispatch (words);
}
