// SPDX-License-Identifier: LGPL-2.1-or-later

// Prints what each argument, an expression, becomes as a GVariant.

import GLib from 'gi://GLib';
import 'gi://Shmobj?version=1';
import System from 'system';

const {toVariant} = imports.overrides.shmobj.values;

for (const expression of System.programArgs)
    print(toVariant(new Function('GLib', `return (${expression});`)(GLib)).print(true));
