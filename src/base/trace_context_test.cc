#include "base/trace_context.h"

#include <gtest/gtest.h>

namespace parley {
namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kParent = "00f067aa0ba902b7";
const std::string kHeader = "00-" + kTrace + "-" + kParent + "-01";

TEST(TraceContext, IsContinuedWithANewSpan) {
  const auto trace = ContinueTrace(kHeader, "vendor=1,other=2");
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->trace_id, kTrace);
  EXPECT_EQ(trace->span_id.size(), 16u);
  EXPECT_NE(trace->span_id, kParent);
  EXPECT_TRUE(trace->sampled);
  EXPECT_EQ(trace->state, "vendor=1,other=2");
  EXPECT_EQ(trace->ToHeader(), "00-" + kTrace + "-" + trace->span_id + "-01");
}

TEST(TraceContext, OnlyTheSampledFlagIsPassedOn) {
  EXPECT_TRUE(
      ContinueTrace("00-" + kTrace + "-" + kParent + "-ff", "")->ToHeader().ends_with("-01"));
  EXPECT_TRUE(
      ContinueTrace("00-" + kTrace + "-" + kParent + "-02", "")->ToHeader().ends_with("-00"));
}

TEST(TraceContext, MalformedHeadersAreIgnored) {
  const std::string zeros(32, '0');
  for (const std::string& bad :
       {std::string(), kHeader.substr(0, 54), kHeader + "0", kHeader + "-00", " " + kHeader,
        "ff" + kHeader.substr(2), "0x" + kHeader.substr(2), "00-" + zeros + "-" + kParent + "-01",
        "00-" + kTrace + "-" + zeros.substr(16) + "-01", "00-" + kTrace + "-" + kParent + "-0g",
        "00_" + kTrace + "-" + kParent + "-01", "00-" + kTrace + "_" + kParent + "-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + kParent + "-01", "cc" + kHeader.substr(2) + "x",
        "00-" + kTrace + "-" + kParent + "-01\r\nX: y"}) {
    EXPECT_FALSE(ContinueTrace(bad, "")) << bad;
  }
}

TEST(TraceContext, LaterVersionsAreReadAsVersion00) {
  for (const std::string& good :
       {"cc" + kHeader.substr(2), "cc" + kHeader.substr(2) + "-what-next"}) {
    const auto trace = ContinueTrace(good, "");
    ASSERT_TRUE(trace) << good;
    EXPECT_TRUE(trace->ToHeader().starts_with("00-" + kTrace + "-"));
  }
}

TEST(TraceContext, StateThatCannotBePassedOnIsDropped) {
  EXPECT_EQ(ContinueTrace(kHeader, std::string(512, 'a'))->state.size(), 512u);
  EXPECT_EQ(ContinueTrace(kHeader, std::string(513, 'a'))->state, "");
  EXPECT_EQ(ContinueTrace(kHeader, "a=1\r\nX: y")->state, "");
  EXPECT_EQ(ContinueTrace(kHeader, "a=\xff")->state, "");
}

TEST(TraceContext, NewTracesDiffer) {
  const TraceContext one = NewTrace(), two = NewTrace();
  EXPECT_NE(one.trace_id, two.trace_id);
  EXPECT_TRUE(ContinueTrace(one.ToHeader(), ""));
}

}  // namespace
}  // namespace parley
