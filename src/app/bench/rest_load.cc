#include "app/bench/rest_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "app/doctor/http_client.h"
#include "loadgen/parley_dialect.h"

namespace parley::bench {
namespace {

using loadgen::RestRequest;

constexpr size_t kDeepest = 10;  // older pages of a room that are asked for

constexpr double kGiveUp = 10;  // seconds without an answer

// Ends when all messages are acknowledged. Errors: std::runtime_error.
void Fill(const BenchOptions& options, const Rooms& rooms, loadgen::Plan plan) {
  plan.prefix += "f";
  const loadgen::ParleyDialect dialect(plan.prefix);
  loadgen::Swarm swarm(plan, dialect, rooms.Creators());
  swarm.Connect();
  const auto report = swarm.Run({.pace = loadgen::Pace::kAcked,
                                 .window = 32,
                                 .warm_up = 0,
                                 .seconds = 86'400,
                                 .messages_each = options.messages,
                                 .give_up = kGiveUp});
  if (plan.interrupted != nullptr && *plan.interrupted) throw std::runtime_error("interrupted");
  const uint64_t wanted = rooms.size() * options.messages;
  if (!report.faults.any() && report.sent == wanted) return;
  const std::string reason =
      report.first_error.empty()
          ? fmt::format("the server acknowledged {} of {} messages", report.acked, wanted)
          : report.first_error;
  throw std::runtime_error("the conversations could not be filled: " + reason);
}

// The values of before_id that lead from the newest page back.
std::vector<std::string> Cursors(const doctor::ProbeInput& input, const std::string& pages,
                                 const std::string& token) {
  std::vector<std::string> out;
  std::string path = pages;
  while (out.size() < kDeepest) {
    const auto answer = doctor::Fetch(input, {.path = path, .token = token});
    if (answer.status != 200)
      throw std::runtime_error("the server refused a page: " + answer.Describe());
    const auto cursor = doctor::JsonText(answer.body, "/next_cursor");
    if (!cursor) break;
    out.push_back(*cursor);
    path = pages + "?before_id=" + *cursor;
  }
  return out;
}

}  // namespace

std::unique_ptr<loadgen::Dialect> MakeReader(const BenchOptions& options,
                                             const doctor::ProbeInput& input, const Rooms& rooms,
                                             const loadgen::Plan& plan) {
  Fill(options, rooms, plan);
  std::vector<RestRequest> requests;
  for (size_t room = 0; room < rooms.size(); ++room) {
    const std::string pages =
        ApiPath(input, "conversations/" + rooms.conversation(room) + "/messages/");
    const auto cursors = Cursors(input, pages, rooms.Token(room, 0));
    requests.push_back({0, pages});
    if (!cursors.empty())
      requests.push_back({1, pages + "?before_id=" + cursors[room % cursors.size()]});
    requests.push_back({2, ApiPath(input, "conversations/?limit=50")});
    requests.push_back({3, ApiPath(input, "messages/unread_count/")});
  }
  // Each connection begins with another kind and room, so that they do not ask for the same at the same time.
  std::vector<std::vector<RestRequest>> rows;
  for (size_t member = 0; member < options.shape.size; ++member) {
    rows.push_back(requests);
    const auto first = static_cast<std::ptrdiff_t>(member * 5 % requests.size());
    std::ranges::rotate(rows.back(), rows.back().begin() + first);
  }
  return std::make_unique<loadgen::RestDialect>(
      std::vector<std::string>{"newest_page", "older_page", "conversations", "unread_count"},
      std::move(rows));
}

std::unique_ptr<loadgen::Dialect> MakePoster(const doctor::ProbeInput& input, const Rooms& rooms,
                                             size_t size) {
  std::vector<std::vector<RestRequest>> rows;
  for (size_t room = 0; room < rooms.size(); ++room) {
    rows.insert(rows.end(), size, {{0, ApiPath(input, "messages/"), rooms.conversation(room)}});
  }
  return std::make_unique<loadgen::RestDialect>(std::vector<std::string>{}, std::move(rows));
}

}  // namespace parley::bench
