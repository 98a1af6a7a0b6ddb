#pragma once

// How the calling thread, and every thread it starts from here on, shares the cores. What the system refuses or does
// not know stays as it is: these are wishes. A name has at most 15 characters; top -H shows it.
namespace hearth::rt::this_thread {

// It answers: it gets slices so short that it runs as soon as it has something to do (Linux 6.12 and later).
void answer_first(const char* name);

// It computes for long: `nice` from 0 on (19 is the most) is how far it stands back for those that answer.
void compute(const char* name, int nice);

}  // namespace hearth::rt::this_thread
