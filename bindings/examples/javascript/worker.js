// SPDX-License-Identifier: LGPL-2.1-or-later

// Takes three numbers from the queue "jobs" of this session and appends what it made of them to the list "done".
// The same program is next door in C, Python and Vala; any number of each may run at once.

import Shmobj from 'gi://Shmobj?version=1';

const manager = Shmobj.Manager.new('session');
const jobs = manager.queue('jobs');
const done = manager.list('done');

for (let i = 0; i < 3; i++) {
    const number = jobs.get({timeout: 10000});
    done.append(`JavaScript: ${number} squared is ${number ** 2}`);
}
