// A Beast body whose bytes go to a BodyStream as they are parsed (chunked coding undone).
#pragma once
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/optional.hpp>
#include <memory>

#include "http/body_stream.h"

namespace parley {

struct StreamBody {
  using value_type = std::shared_ptr<BodyStream>;

  class reader {
   public:
    template <bool kIsRequest, class Fields>
    reader(boost::beast::http::header<kIsRequest, Fields>&, value_type& to) : to_(to) {}

    void init(const boost::optional<uint64_t>&, boost::beast::error_code& error) { error = {}; }
    template <class Buffers>
    size_t put(const Buffers& buffers, boost::beast::error_code& error) {
      for (const auto part : boost::beast::buffers_range_ref(buffers)) {
        to_->Push({static_cast<const char*>(part.data()), part.size()});
      }
      error = {};
      return boost::asio::buffer_size(buffers);
    }
    void finish(boost::beast::error_code& error) { error = {}; }

   private:
    value_type& to_;
  };
};

}  // namespace parley
