#include "base/recent.hpp"

#include <gtest/gtest.h>

namespace hearth::base {
namespace {

TEST(Recent, TheLeastRecentMakesRoom) {
  Recent<int> recent(40);
  recent.add("a", 1, 9);
  recent.add("b", 2, 9);
  recent.add("c", 3, 9);
  EXPECT_EQ(*recent.find("a"), 1);
  recent.add("d", 4, 19);
  EXPECT_TRUE(recent.has("a"));
  EXPECT_FALSE(recent.has("b"));
  EXPECT_TRUE(recent.has("c"));
  EXPECT_EQ(*recent.find("d"), 4);
}

TEST(Recent, OneThatIsReplacedCountsOnce) {
  Recent<int> recent(40);
  recent.add("a", 1, 19);
  recent.add("a", 2, 9);
  recent.add("b", 3, 29);
  EXPECT_EQ(*recent.find("a"), 2);
  EXPECT_EQ(*recent.find("b"), 3);
}

TEST(Recent, WhatIsTooLargeIsNotKept) {
  Recent<int> recent(40);
  recent.add("a", 1, 9);
  recent.add("b", 2, 40);
  EXPECT_EQ(recent.find("b"), nullptr);
  EXPECT_TRUE(recent.has("a"));
  recent.add("a", 3, 40);
  EXPECT_EQ(recent.find("a"), nullptr) << "the old one is not the value any more";
}

}  // namespace
}  // namespace hearth::base
