// The clock of this machine against those of PostgreSQL and Redis.
#include "app/doctor/clocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "app/doctor/redis_session.h"
#include "store/postgres/pg_connection.h"

namespace parley::doctor {
namespace {

constexpr double kDiffers = 2, kWrong = 30;  // seconds

double PostgresTime(const std::string& url) {
  PgConnection connection(url, {});
  const PgResult result = connection.Execute("SELECT extract(epoch FROM clock_timestamp())");
  return std::strtod(::PQgetvalue(result.get(), 0, 0), nullptr);
}

double RedisTime(const std::string& url) {
  RedisSession redis(ParseRedisUrl(url).value(), Millis(3'000));
  const RedisReply reply = redis.Call({"TIME"});
  if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) throw RedisFailure("no TIME");
  return std::strtod(std::string(TextOf(*reply->element[0])).c_str(), nullptr) +
         std::strtod(std::string(TextOf(*reply->element[1])).c_str(), nullptr) / 1e6;
}

}  // namespace

double LocalTime() { return static_cast<double>(SystemClock().Now().micros) / 1e6; }

void CompareClocks(const std::string& name, double theirs, double before, double after,
                   double resolution, Report& report) {
  const double early = before - theirs - resolution, late = theirs - after;
  const double difference = std::max({early, late, 0.0});
  const std::string text = difference == 0
                               ? fmt::format("the clock of {} agrees", name)
                               : fmt::format("the clock of {} is {:.1f} s {} of this machine's",
                                             name, difference, late > 0 ? "ahead" : "behind");
  if (difference >= kWrong) {
    report.Add(Code::clock_wrong, text);
  } else if (difference >= kDiffers) {
    report.Add(Code::clock_differs, text);
  } else {
    report.Note(text);
  }
}

ProbeResult ProbeClocks(const ProbeInput& input) {
  const std::string& database = input.config.database.url;
  const std::string& redis = input.config.redis.url;
  if (database.empty() && redis.empty())
    return Skip("neither database.url nor redis.url is configured");
  Report report;
  const auto compare = [&](const char* name, const std::string& url,
                           double (*read)(const std::string&)) {
    if (url.empty()) return;
    try {
      const double before = LocalTime(), theirs = read(url);
      CompareClocks(name, theirs, before, LocalTime(), 0, report);
    } catch (const std::exception&) {  // its own probe reports the cause
      report.Note(std::string(name) + " cannot be asked");
    }
  };
  compare("PostgreSQL", database, PostgresTime);
  compare("Redis", redis, RedisTime);
  return report.Done();
}

}  // namespace parley::doctor
