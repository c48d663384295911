// Resume over REST: the events that a socket would receive after a seq.
#include <memory>

#include "base/ask.h"
#include "feature/conversations/conversations_api.h"
#include "http/body.h"
#include "protocol/answers.h"

namespace parley {
namespace {

class ReplayApi {
 public:
  explicit ReplayApi(Services& services) : services_(services) {}

  Task<Response> Get(RequestContext& context) {
    const Result<Uuid> id = IdParam(context.request, "id");
    if (!id) co_return Response::Problem(id.error());
    const auto since = NumberQuery(context.request, "since_seq", 0, kBeyondEveryHead, 0);
    if (!since) co_return Response::Problem(since.error());
    const Limits& limits = services_.limits;
    const auto limit = NumberQuery(context.request, "limit", 1, 1'000'000'000, limits.page_default);
    if (!limit) co_return Response::Problem(limit.error());

    auto checking = MayRead(*id, context.caller);
    const Result<bool> may = co_await checking;
    if (!may) co_return Response::Problem(may.error());
    if (!*may) co_return Response::Problem(Error::NotFound());
    Hub& hub = services_.hub;
    auto reading = Suspend<Result<PageRef>>(
        [&](Resolve<Result<PageRef>> done) { hub.Read(*id, *since, std::move(done)); });
    const Result<PageRef> page = co_await reading;
    if (!page) co_return Response::Problem(page.error());
    co_return Response::Json(
        200, Frames(**page, std::min<int64_t>(*limit, limits.page_max), context.caller));
  }

 private:
  Task<Result<bool>> MayRead(Uuid conversation, Caller caller) {
    if (caller.service) co_return true;  // the read fails if the conversation does not exist
    auto checking = Ask(services_.executor, services_.store, &HeadStore::IsParticipant,
                        conversation, caller.user);
    co_return co_await checking;
  }

  // The frames that a socket would receive, at most `limit` of them. As on a socket, their messages count
  // as delivered.
  std::string Frames(const Page& page, int64_t limit, const Caller& caller) {
    std::string json = "{\"events\":[";
    int64_t count = 0;
    const auto add = [&](std::string_view frame) {
      if (count == limit) return false;
      if (count++ > 0) json += ',';
      json += frame;
      return true;
    };
    int64_t last = page.since;
    Walk(
        page, last,
        [&](int64_t from, int64_t to, bool reset) {
          return add(GapFrame(page.conversation, from, to, reset));
        },
        [&](const EventRef& event) {
          if (!add(event->json)) return false;
          const UserId& sender = event->undelivered_from;
          if (!caller.service && !sender.empty() && sender != caller.user) {
            services_.store.NoteDelivered(page.conversation, event->seq, event->seq);
          }
          return true;
        });
    json += "],\"has_more\":";
    json += last < page.newest ? "true}" : "false}";
    return json;
  }

  Services& services_;
};

}  // namespace

void RegisterReplay(Registry& registry, Services& services) {
  auto api = std::make_shared<ReplayApi>(services);
  registry.routes.Add("GET", "/api/messaging/conversations/{id}/changes", Access::kUser,
                      Limit::kRead, [api](RequestContext& context) { return api->Get(context); });
}

}  // namespace parley
