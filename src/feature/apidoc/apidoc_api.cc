#include "feature/apidoc/apidoc_api.h"

#include <memory>

#include "assets.h"
#include "feature/apidoc/api_document.h"
#include "http/page.h"

namespace parley {

void RegisterApiDoc(Router& routes, const std::vector<const Router*>& described,
                    const Limits& limits) {
  auto json = std::make_shared<SharedBytes>();
  routes.Add("GET", "/openapi.json", Access::kOpen, Limit::kNone,
             [json](RequestContext&) -> Task<Response> { co_return Response{.shared = *json}; });
  routes.Add("GET", "/docs", Access::kOpen, Limit::kNone,
             [page = HtmlPage(assets::web_docs_docs_html)](RequestContext&) -> Task<Response> {
               co_return page;
             });
  *json = SharedBytes(DescribeApi(described, limits).json);
}

}  // namespace parley
