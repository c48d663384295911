#include "base/log_line.h"

#include <gtest/gtest.h>

#include <array>

namespace parley::log {
namespace {

constexpr Timestamp kTime{0};

template <class... Args>
Line Of(std::string_view format, const Args&... args) {
  static constexpr std::array<bool, sizeof...(Args)> kNumbers{std::is_arithmetic_v<Args>...};
  return FormatLine(format, fmt::make_format_args(args...), kNumbers);
}
template <class... Args>
std::string Text(std::string_view format, const Args&... args) {
  return ToText(Of(format, args...), kTime, "info");
}
template <class... Args>
std::string Json(std::string_view format, const Args&... args) {
  return ToJson(Of(format, args...), kTime, "info");
}

TEST(LogLine, HasAMessageAndFields) {
  EXPECT_EQ(Text("socket closed code={} path={}", 4001, "/ws/"),
            "1970-01-01T00:00:00.000000Z info socket closed code=4001 path=/ws/\n");
  EXPECT_EQ(Json("socket closed code={} path={}", 4001, "/ws/"),
            R"({"time":"1970-01-01T00:00:00.000000Z","level":"info","message":"socket closed",)"
            R"("code":4001,"path":"/ws/"})"
            "\n");
}

TEST(LogLine, ArgumentsCanBePartsOfTheMessageAndOfValues) {
  const Line line = Of("bus is {}, see {} at={}:{} skew={:.2f} note=\"fixed words {}\"", "up",
                       "log", "host", 80, 1.234, 7);
  EXPECT_EQ(line.message, "bus is up, see log");
  ASSERT_EQ(line.fields.size(), 3u);
  EXPECT_EQ(line.fields[0].value, "host:80");
  EXPECT_FALSE(line.fields[0].number);
  EXPECT_EQ(line.fields[1].value, "1.23");
  EXPECT_EQ(line.fields[2].value, "fixed words 7");
  EXPECT_EQ(Of("only {}", "a=b c=d").message, "only a=b c=d");
  EXPECT_EQ(Of("{}", "a=b").fields.size(), 0u);
}

TEST(LogLine, ValuesCannotForgeFieldsOrLines) {
  EXPECT_EQ(Text("x user={}", "a status=200"),
            "1970-01-01T00:00:00.000000Z info x user=\"a status=200\"\n");
  EXPECT_EQ(Text("x user={} n={}", "\" status=\"200\\", 1),
            "1970-01-01T00:00:00.000000Z info x user=\"\\\" status=\\\"200\\\\\" n=1\n");
  EXPECT_EQ(Text("x user={}", "a\nb\x1b[31m\xc2\x9b"),
            "1970-01-01T00:00:00.000000Z info x user=\"a\\u000ab\\u001b[31m\\u009b\"\n");
  EXPECT_EQ(Text("x {}", "a\nb"), "1970-01-01T00:00:00.000000Z info x a\\u000ab\n");
  EXPECT_NE(Json("x user={}", "\",\"status\":\"200").find(R"("user":"\",\"status\":\"200"})"),
            std::string::npos);
}

TEST(LogLine, InvalidUtf8IsReplacedAndOtherLettersStay) {
  EXPECT_NE(Json("x user={}", "gr\xc3\xbc\xc3\x9f\x65").find("\"user\":\"gr\xc3\xbc\xc3\x9f\x65\""),
            std::string::npos);
  EXPECT_NE(Json("x user={}", "a\xff").find("\"user\":\"a\xef\xbf\xbd\""), std::string::npos);
}

TEST(LogLine, FieldsWithoutAValueAreOmitted) {
  EXPECT_EQ(Text("x trace_id={} n={}", "", 0), "1970-01-01T00:00:00.000000Z info x n=0\n");
}

}  // namespace
}  // namespace parley::log
