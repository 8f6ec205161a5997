// SPDX-License-Identifier: LGPL-2.1-or-later

// Takes the queue that its parent gave it, the producer of any language, and prints the jobs.

import Shmobj from 'gi://Shmobj?version=1';

const jobs = Shmobj.Queue.take_inherited('jobs');

for await (const job of jobs) {
    if (job === false)
        break; // no more will come
    print(`JavaScript: ${job}`);
}
