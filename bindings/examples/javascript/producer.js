// SPDX-License-Identifier: LGPL-2.1-or-later

// Makes a queue, starts the program named on the command line as a child that has the queue, too, and puts three jobs.
// The child is the consumer of any language:
//
//     gjs -m bindings/examples/javascript/producer.js python3 bindings/examples/python/consumer.py

import Gio from 'gi://Gio';
import Shmobj from 'gi://Shmobj?version=1';
import System from 'system';

const jobs = new Shmobj.Queue();
const launcher = new Gio.SubprocessLauncher();

jobs.pass_to(launcher, 'jobs');
const child = launcher.spawnv(System.programArgs);

for (let i = 1; i <= 3; i++)
    jobs.put(`job ${i} from JavaScript`);
jobs.put(false); // no more will come

child.wait_check(null);
