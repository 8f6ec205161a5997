# SPDX-License-Identifier: LGPL-2.1-or-later
"""Is a history of calls, many at the same time, one that a single plain object could have?

Each call took effect at one moment between its begin and its end. So there must be an order of the calls in which none
comes before another that had ended when it began, and in which a plain object, given them one after the other, answers
each as it was answered. J. M. Wing and C. Gong search for it ("Testing and verifying concurrent objects", 1993); this is
G. Lowe's way to do that, "just in time" ("Testing for linearizability", 2017): from event to event it keeps all that may be
so by then, which is a state of the object and which of the calls that have not ended took effect already. When a call
ends, it must have taken effect, after as many of the others as it needs. If nothing is left that may be so, there is no
order. What may be so is kept once, however it came about, so a long history costs no more than it is long."""

import copy
from typing import NamedTuple

import operations


class Call(NamedTuple):
    who: int
    operation: tuple
    start: int
    outcome: object
    end: int


def _events(calls):
    """Begins and ends in their order: (position in calls, whether it is the end). At one time begins come first."""
    begins = ((call.start, False, i) for i, call in enumerate(calls))
    ends = ((call.end, True, i) for i, call in enumerate(calls))
    return [(i, is_end) for _time, is_end, i in sorted([*begins, *ends])]


def _with(last, may_be, running, kind, calls):
    """What may be so when call `last` has taken effect, from what may be so before. Both: (state, those of the running
    calls that took effect) → a plain object in that state."""
    result, seen, work = {}, set(), list(may_be.items())
    while work:
        key, plain = work.pop()
        _state, taken = key
        if key in seen:
            continue
        seen.add(key)
        if last in taken:
            result[key[0], taken - {last}] = plain
            continue
        for i in running - taken:
            after = copy.copy(plain)
            if operations.agree(calls[i].outcome, operations.outcome(kind, after, calls[i].operation)):
                work.append(((repr(after), taken | {i}), after))
    return result


def unexplained(kind, calls):
    """The position of the first call, by its end, with which no order explains the answers; None if there is one."""
    plain, running = operations.PLAIN[kind](), set()
    may_be = {(repr(plain), frozenset()): plain}
    for i, is_end in _events(calls):
        if not is_end:
            running.add(i)
            continue
        may_be = _with(i, may_be, running, kind, calls)
        running.discard(i)
        if not may_be:
            return i
    return None


def overlaps(calls):
    """How many calls began while another one had not ended."""
    count = running = 0
    for _i, is_end in _events(calls):
        count += not is_end and running > 0
        running += -1 if is_end else 1
    return count


def show(calls, at, around=20):
    """For people: calls until the one at that position has ended, in the order of their ends; nanoseconds before that."""
    known = sorted((call for call in calls if call.start <= calls[at].end), key=lambda call: call.end)
    return "\n".join(f"{call.start - calls[at].end:10} … {call.end - calls[at].end:<10} worker {call.who}: {call.operation!r} → "
                     f"{call.outcome!r}" + (" (!)" if call is calls[at] else "") for call in known[-around:])
