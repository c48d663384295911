#include "store/seen_book.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(SeenBookTest, TheLatestTimeOfEachCountsAndIsFoundUntilItIsWritten) {
  SeenBook book;
  EXPECT_TRUE(book.Note("ann", {5})) << "it was empty";
  EXPECT_FALSE(book.Note("ann", {3}));
  EXPECT_EQ(book.Find("ann")->micros, 5);
  ASSERT_EQ(book.Take(10).size(), 1u);
  EXPECT_EQ(book.Find("ann")->micros, 5) << "its row may not say so yet";
  book.Settle(true);
  EXPECT_FALSE(book.Find("ann"));
}

TEST(SeenBookTest, WhatCouldNotBeWrittenComesBackUnlessThereIsNewer) {
  SeenBook book;
  book.Note("ann", {5});
  book.Note("bob", {5});
  ASSERT_EQ(book.Take(10).size(), 2u);
  book.Note("ann", {9});
  book.Settle(false);
  const auto taken = book.Take(10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken.at("ann").micros, 9);
  EXPECT_EQ(taken.at("bob").micros, 5);
}

}  // namespace
}  // namespace parley
