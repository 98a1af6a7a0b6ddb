#include "rt/this_thread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <string>
#include <sys/resource.h>
#include <thread>

namespace hearth::rt {
namespace {

struct Seen {
  std::string name;
  int nice = 0;
};

Seen look() {
  char name[16] = {};
  ::pthread_getname_np(::pthread_self(), name, sizeof name);
  return {.name = name, .nice = ::getpriority(PRIO_PROCESS, 0)};
}

TEST(ThisThread, computesBehindThoseThatAnswer) {
  const int before = look().nice;
  Seen computing;
  Seen child;
  Seen answering;
  Seen last;
  std::thread([&] {
    this_thread::compute("a-last", 100);
    last = look();
  }).join();
  std::thread([&] {
    this_thread::compute("a-compute", before + 3);
    computing = look();
    this_thread::compute("a-compute", before);  // never forward again
    std::thread([&] { child = look(); }).join();
  }).join();
  std::thread([&] {
    this_thread::answer_first("an-answer");
    answering = look();
  }).join();
  EXPECT_EQ(computing.name, "a-compute");
  EXPECT_EQ(computing.nice, before + 3);
  EXPECT_EQ(child.nice, before + 3);
  EXPECT_EQ(last.nice, 19);
  EXPECT_EQ(answering.name, "an-answer");
  EXPECT_EQ(answering.nice, before);
  EXPECT_EQ(look().nice, before);  // of this thread nothing changed
}

}  // namespace
}  // namespace hearth::rt
