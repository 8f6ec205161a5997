/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Single steps by ptrace. The shared bytes are compared with a copy after each instruction; a
 * system call is told by its instruction. On aarch64 atomics must be single instructions (LSE): a
 * stepped load-exclusive loses its reservation and would loop for ever. */

#include "stepper.h"

#include "ring-place.h"

#include "base/sys.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASLEEP_US 3000

typedef struct
{
  const guint8 *at;
  gsize size;
  guint8 *copy;
} Watched;

static void
watched_free (gpointer data)
{
  Watched *watched = data;

  g_free (watched->copy);
  g_free (watched);
}

static void
wait_for_stop (Stepper *self)
{
  int status;

  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_true (WIFSTOPPED (status) && WSTOPSIG (status) == SIGSTOP);
}

void
stepper_start (Stepper *self,
               void (*ready) (gpointer data),
               void (*act) (gpointer data),
               gpointer data)
{
  *self = (Stepper){ .watched = g_ptr_array_new_with_free_func (watched_free) };
  self->pid = fork_child ();
  if (self->pid == 0)
    {
      if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit (1);
      ready (data);
      raise (SIGSTOP);
      act (data);
      _exit (0);
    }
  wait_for_stop (self);
}

void
stepper_skip (Stepper *self)
{
  g_assert_cmpint (ptrace (PTRACE_CONT, self->pid, NULL, NULL), ==, 0);
  wait_for_stop (self);
}

void
stepper_watch (Stepper *self, const volatile void *at, gsize size)
{
  Watched *watched = g_new (Watched, 1);

  *watched = (Watched){ (const guint8 *) at, size, g_memdup2 ((const guint8 *) at, size) };
  g_ptr_array_add (self->watched, watched);
}

static gboolean
has_changed (Stepper *self)
{
  gboolean changed = FALSE;

  for (guint i = 0; i < self->watched->len; i++)
    {
      Watched *watched = self->watched->pdata[i];

      if (memcmp (watched->at, watched->copy, watched->size) != 0)
        {
          memcpy (watched->copy, watched->at, watched->size);
          changed = TRUE;
        }
    }
  return changed;
}

static gboolean
is_before_system_call (Stepper *self)
{
  struct user_regs_struct registers;
  struct iovec place = { &registers, sizeof registers };
  long code;

  if (ptrace (PTRACE_GETREGSET, self->pid, (void *) (gsize) NT_PRSTATUS, &place) != 0)
    return FALSE;
#if defined(__x86_64__)
  code = ptrace (PTRACE_PEEKTEXT, self->pid, (void *) registers.rip, NULL);
  return (code & 0xffff) == 0x050f;
#elif defined(__aarch64__)
  code = ptrace (PTRACE_PEEKTEXT, self->pid, (void *) registers.pc, NULL);
  return (code & 0xffffffff) == 0xd4000001;
#else
#error "What does a system call look like here?"
#endif
}

/* Waits for the end of the step that is under way. Only a system call may sleep. */
static StepperState
wait_for_step (Stepper *self)
{
  gint64 start_us = self->calling ? sys_now_us () : 0;

  for (;;)
    {
      int status;
      pid_t pid = waitpid (self->pid, &status, self->calling ? WNOHANG : 0);

      if (pid == self->pid && WIFSTOPPED (status))
        {
          g_assert_cmpint (WSTOPSIG (status), ==, SIGTRAP);
          return STEPPER_STOPPED;
        }
      if (pid == self->pid)
        {
          g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
          self->pid = 0;
          return STEPPER_ENDED;
        }
      if (sys_now_us () - start_us > ASLEEP_US && state_of (self->pid) == 'S')
        return STEPPER_ASLEEP;
      if (sys_now_us () - start_us > 50)
        g_usleep (50);
    }
}

StepperState
stepper_next (Stepper *self)
{
  StepperState state = STEPPER_STOPPED;

  for (;;)
    {
      if (!self->stepping)
        {
          self->calling = is_before_system_call (self);
          g_assert_cmpint (ptrace (PTRACE_SINGLESTEP, self->pid, NULL, NULL), ==, 0);
          self->stepping = TRUE;
          self->steps++;
        }
      state = wait_for_step (self);
      if (state == STEPPER_ASLEEP)
        return state;
      self->stepping = FALSE;
      if (state == STEPPER_ENDED)
        return state;
      if (has_changed (self) || self->calling)
        {
          self->points++;
          return state;
        }
    }
}

void
stepper_one (Stepper *self)
{
  int status;

  g_assert_cmpint (ptrace (PTRACE_SINGLESTEP, self->pid, NULL, NULL), ==, 0);
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_true (WIFSTOPPED (status) && WSTOPSIG (status) == SIGTRAP);
  self->steps++;
}

void
stepper_release (Stepper *self)
{
  int status;

  g_assert_cmpint (ptrace (PTRACE_DETACH, self->pid, NULL, NULL), ==, 0);
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  self->pid = 0;
}

void
stepper_end (Stepper *self)
{
  if (self->pid != 0)
    end_child (self->pid);
  self->pid = 0;
  g_ptr_array_free (self->watched, TRUE);
  self->watched = NULL;
}
