#include "engine/core/prefix/checkpoints.hpp"

#include <gtest/gtest.h>

namespace hearth::engine::core {
namespace {

Checkpoint at(Position length, std::size_t bytes = 10) {
  return {.length = length, .state = std::make_shared<const std::string>(bytes, 'x')};
}

std::vector<Position> lengths(const Checkpoints& all, SequenceId id) {
  std::vector<Position> out;
  for (const auto& checkpoint : all.of(id)) out.push_back(checkpoint.length);
  return out;
}

using Positions = std::vector<Position>;

TEST(Checkpoints, TheLongestThatIsNotTooLong) {
  Checkpoints all(2);
  for (const Position length : {10, 20, 30}) all.add(0, at(length));
  EXPECT_EQ(all.best(0, 9), nullptr);
  EXPECT_EQ(all.best(0, 10)->length, 10);
  EXPECT_EQ(all.best(0, 29)->length, 20);
  EXPECT_EQ(all.best(0, 1000)->length, 30);
  EXPECT_EQ(all.best(1, 1000), nullptr);
}

TEST(Checkpoints, BytesAreThoseThatAreHeld) {
  Checkpoints all(2);
  all.add(0, at(10, 100));
  all.add(0, at(20, 50));
  all.add(1, at(5, 7));
  EXPECT_EQ(all.bytes(), 157U);
  all.trim(0, 19);
  EXPECT_EQ(all.bytes(), 107U);
  all.set(1, {at(1, 1), at(2, 2)});
  EXPECT_EQ(all.bytes(), 103U);
  all.set(0, {});
  all.set(1, {});
  EXPECT_EQ(all.bytes(), 0U);
}

TEST(Checkpoints, TheOneThatIsLeastMissedGoes) {
  Checkpoints all(1);
  for (const Position length : {100, 200, 210, 400, 500, 600, 601}) all.add(0, at(length));
  EXPECT_EQ(lengths(all, 0), (Positions{100, 210, 400, 500, 600, 601}));
  all.add(0, at(602));
  EXPECT_EQ(lengths(all, 0), (Positions{100, 210, 400, 500, 601, 602}));
  EXPECT_EQ(all.bytes(), 60U);
}

}  // namespace
}  // namespace hearth::engine::core
