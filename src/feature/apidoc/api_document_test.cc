#include "feature/apidoc/api_document.h"

#include <gtest/gtest.h>
#include <simdjson.h>

namespace parley {
namespace {

namespace dom = simdjson::dom;

HttpHandler Nothing() {
  return [](RequestContext&) -> Task<Response> { co_return Response::NoContent(); };
}

class ApiDocumentTest : public testing::Test {
 protected:
  // Two routes that a feature describes, and one without a description.
  ApiDocumentTest() {
    router_.Add("GET", "/livez", Access::kOpen, Limit::kNone, Nothing());
    router_.Add("POST", "/api/messaging/messages", Access::kUser, Limit::kSend, Nothing());
    router_.Add("GET", "/nowhere/described", Access::kUser, Limit::kNone, Nothing());
    document_ = DescribeApi({&router_}, limits_);
    root_ = parser_.parse(document_.json);
  }
  std::string_view TextAt(std::string_view pointer) {
    return root_.at_pointer(pointer).get_string().value();
  }

  Limits limits_{.title_characters = 77};
  Router router_;
  ApiDocument document_;
  dom::parser parser_;
  dom::element root_;
};

TEST_F(ApiDocumentTest, ListsServedRoutesAndReportsMismatches) {
  EXPECT_EQ(TextAt("/openapi"), "3.1.0");
  EXPECT_EQ(root_["paths"].get_object().size(), 3u);
  EXPECT_EQ(document_.undescribed, std::vector<std::string>{"GET /nowhere/described"});
  EXPECT_NE(std::ranges::find(document_.unserved, "GET /metrics"), document_.unserved.end());
}

TEST_F(ApiDocumentTest, TakesSecurityAndCommonErrorsFromTheRow) {
  const dom::element open = root_.at_pointer("/paths/~1livez/get");
  EXPECT_EQ(open["security"].get_array().size(), 0u);
  EXPECT_EQ(open["responses"].get_object().size(), 1u);
  const dom::element send = root_.at_pointer("/paths/~1api~1messaging~1messages~1/post");
  EXPECT_NE(send["security"].error(), simdjson::SUCCESS);
  for (const char* status :
       {"200", "201", "400", "401", "403", "409", "413", "415", "429", "503"}) {
    EXPECT_EQ(send["responses"][status].error(), simdjson::SUCCESS) << status;
  }
  EXPECT_EQ(send["responses"].get_object().size(), 10u);
}

TEST_F(ApiDocumentTest, TakesLimitsAndCodesFromTheCode) {
  EXPECT_EQ(root_.at_pointer("/components/schemas/Conversation/properties/title/maxLength")
                .get_int64()
                .value(),
            77);
  size_t codes = 0;
#define PARLEY_ERROR(name, status, meaning) ++codes;
#include "base/error_codes.def"
#undef PARLEY_ERROR
  EXPECT_EQ(root_.at_pointer("/components/schemas/ErrorCode/enum").get_array().size(), codes);
  EXPECT_EQ(TextAt("/components/responses/Error404/content/application~1problem+json/example/code"),
            "not_found");
  EXPECT_EQ(document_.json.find("${"), std::string::npos);
}

}  // namespace
}  // namespace parley
