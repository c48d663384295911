#include "http/router.h"

#include <gtest/gtest.h>

#include <string>

namespace parley {
namespace {

using Params = std::vector<std::pair<std::string, std::string>>;

class RouterTest : public testing::Test {
 protected:
  RouterTest() {
    for (const auto& [method, pattern] : Params{{"GET", "/"},
                                                {"GET", "/livez"},
                                                {"GET", "/api/messages/{id}"},
                                                {"DELETE", "/api/messages/{id}"},
                                                {"GET", "/api/messages/unread_count"},
                                                {"POST", "/api/messages"},
                                                {"PUT", "/api/messages/{id}/reactions/{emoji}"},
                                                {"POST", "/api/rooms/direct"},
                                                {"GET", "/api/rooms/{id}"}}) {
      router_.Add(method, pattern, Access::kUser, Limit::kNone, Nothing());
    }
  }
  static HttpHandler Nothing() {
    return [](RequestContext&) -> Task<Response> { co_return Response::NoContent(); };
  }
  Router::Match Find(std::string_view method, std::string_view path) {
    return router_.Find(method, *PathSegments(path));
  }
  std::string Found(std::string_view method, std::string_view path) {
    const Router::Match match = Find(method, path);
    return match.route == nullptr ? "" : match.route->method + " " + match.route->pattern;
  }

  Router router_;
};

TEST_F(RouterTest, APathFindsItsRouteAndParameters) {
  EXPECT_EQ(Found("GET", "/"), "GET /");
  EXPECT_EQ(Found("GET", "/livez"), "GET /livez");
  EXPECT_EQ(Found("POST", "/api/messages"), "POST /api/messages");
  const auto match = Find("PUT", "/api/messages/7/reactions/x");
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.params, (Params{{"id", "7"}, {"emoji", "x"}}));
}

TEST_F(RouterTest, ALiteralSegmentWinsOverAParameter) {
  EXPECT_EQ(Found("GET", "/api/messages/unread_count"), "GET /api/messages/unread_count");
  EXPECT_EQ(Found("GET", "/api/messages/other"), "GET /api/messages/{id}");
  EXPECT_EQ(Found("POST", "/api/rooms/direct"), "POST /api/rooms/direct");
}

TEST_F(RouterTest, AnUnknownPathHasNoRouteAndNoAllowedMethods) {
  for (const char* path :
       {"/api", "/api/messages/7/8", "/api/messages/7/reactions", "/API/messages", "/livezz",
        "/livez/x", "/api//messages", "/api/rooms//"}) {
    const auto match = Find("GET", path);
    EXPECT_EQ(match.route, nullptr) << path;
    EXPECT_EQ(match.allow, "") << path;
  }
}

TEST_F(RouterTest, AnUnknownMethodGetsTheAllowedMethods) {
  const auto match = Find("PATCH", "/api/messages/7");
  EXPECT_EQ(match.route, nullptr);
  EXPECT_EQ(match.allow, "GET, HEAD, DELETE");
  EXPECT_EQ(Find("GET", "/api/messages").allow, "POST");
  EXPECT_EQ(Find("get", "/livez").route, nullptr);
}

TEST_F(RouterTest, HeadIsServedByGet) {
  EXPECT_EQ(Found("HEAD", "/livez"), "GET /livez");
  EXPECT_EQ(Found("HEAD", "/api/messages"), "");
}

TEST_F(RouterTest, RoutesAreListed) {
  EXPECT_EQ(router_.routes().size(), 9u);
  EXPECT_EQ(router_.routes()[2]->pattern, "/api/messages/{id}");
}

}  // namespace
}  // namespace parley
