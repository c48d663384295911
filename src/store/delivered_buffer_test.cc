#include "store/delivery_book.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

DeliveryBook::Run Seqs(int64_t first, int64_t last, uint8_t conversation = 1) {
  DeliveryBook::Run run{.first = first, .last = last, .at = {first}};
  run.conversation.bytes[0] = conversation;
  return run;
}

TEST(DeliveryBookTest, NeighboursOfAConversationAreOneRun) {
  DeliveryBook book;
  EXPECT_TRUE(book.Note(Seqs(1, 2))) << "it was empty";
  EXPECT_FALSE(book.Note(Seqs(3, 3)));
  EXPECT_FALSE(book.Note(Seqs(9, 9, 2)));
  const auto taken = book.Take(10);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].last, 3);
  EXPECT_EQ(taken[0].at.micros, 3) << "no message was delivered before it was sent";
}

TEST(DeliveryBookTest, MessagesThatAreShownAgainKeepTheTimeOfTheFirst) {
  DeliveryBook book;
  book.Note(Seqs(1, 4));
  book.Note({.conversation = Seqs(1, 4).conversation, .first = 2, .last = 4, .at = {99}});
  EXPECT_EQ(book.Take(10).at(0).at.micros, 1);
}

TEST(DeliveryBookTest, WhatCouldNotBeWrittenComesBack) {
  DeliveryBook book;
  book.Note(Seqs(1, 4));
  ASSERT_EQ(book.Take(10).size(), 1u);
  book.Note(Seqs(7, 7));
  book.Settle(false);
  EXPECT_EQ(book.Take(10).size(), 2u);
  book.Settle(true);
  EXPECT_TRUE(book.Take(10).empty());
  book.Settle(false);
  EXPECT_TRUE(book.Take(10).empty()) << "what is written is not written again";
}

TEST(DeliveryBookTest, WhatComesBackStaysWithinTheBound) {
  DeliveryBook book;
  for (int64_t seq = 0; seq < 100; ++seq) book.Note(Seqs(2 * seq, 2 * seq));
  ASSERT_EQ(book.Take(100).size(), 100u);
  for (size_t seq = 0; seq < DeliveryBook::kMaxRuns; ++seq) {
    book.Note(Seqs(static_cast<int64_t>(2 * seq), static_cast<int64_t>(2 * seq)));
  }
  book.Settle(false);
  EXPECT_EQ(book.dropped(), 100u);
  EXPECT_EQ(book.Take(2 * DeliveryBook::kMaxRuns).size(), DeliveryBook::kMaxRuns);
}

}  // namespace
}  // namespace parley
