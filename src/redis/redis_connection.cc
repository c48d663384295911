#include "redis/redis_connection.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace parley {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using asio::use_awaitable;
using boost::system::error_code;

[[noreturn]] void Throw(const std::string& what, const error_code& error) {
  throw RedisFailure(what + ": " + error.message());
}

using Reader = std::unique_ptr<redisReader, void (*)(redisReader*)>;

// hiredis limits how deep arrays are nested, but allocates as many elements as a server announces.
Reader NewReader() {
  Reader reader(redisReaderCreate(), redisReaderFree);
  if (reader == nullptr) throw std::bad_alloc();
  static const auto create_array = reader->fn->createArray;
  static redisReplyObjectFunctions bounded = [&] {
    redisReplyObjectFunctions functions = *reader->fn;
    functions.createArray = [](const redisReadTask* task, int elements) -> void* {
      return elements > RedisConnection::kMostElements ? nullptr : create_array(task, elements);
    };
    return functions;
  }();
  reader->fn = &bounded;
  return reader;
}

}  // namespace

void RequireMaster(const RedisEndpoint& endpoint, const redisReply& info) {
  if (info.type != REDIS_REPLY_STRING) {
    throw RedisFailure(endpoint.ToString() + " sent an unexpected reply to INFO");
  }
  if (TextOf(info).find("\nrole:slave") != std::string_view::npos) {
    throw RedisIsReplica(endpoint.ToString() + " is a replica");
  }
}

std::string RedisCommand(const std::vector<std::string_view>& words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
  return out;
}

// Closes the connection at the deadline, unless it is destroyed earlier.
class RedisConnection::Watch {
 public:
  Watch(RedisConnection& connection, Wait within) : timer_(connection.executor_, within) {
    timer_.async_wait([&connection, watching = watching_](const error_code& error) {
      if (!error && *watching) connection.Close();
    });
  }
  ~Watch() { *watching_ = false; }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  // Separate from the timer, whose handler may be queued already when the watch ends.
  std::shared_ptr<bool> watching_ = std::make_shared<bool>(true);
  asio::steady_timer timer_;
};

RedisConnection::RedisConnection(asio::any_io_executor executor)
    : executor_(std::move(executor)), reader_(NewReader()), buffer_(64 * 1024) {}

RedisConnection::~RedisConnection() { Close(); }

void RedisConnection::Close() {
  closed_ = true;
  error_code ignored;
  if (secure_) secure_->next_layer().close(ignored);
  if (plain_) plain_->close(ignored);
}

awaitable<void> RedisConnection::Open(const RedisAddress& address, Wait within) {
  const Watch watch(*this, within);
  RedisEndpoint endpoint = address.endpoints.front();
  if (!address.master.empty()) endpoint = co_await FindMaster(address, within);
  co_await Connect(address, endpoint, within);
  co_await LogIn(address, within);
}

awaitable<void> RedisConnection::Connect(const RedisAddress& address, const RedisEndpoint& endpoint,
                                         Wait) {
  endpoint_ = endpoint;
  plain_ = std::make_unique<Socket>(executor_);
  error_code error;
  auto token = asio::redirect_error(use_awaitable, error);
  if (closed_) throw RedisFailure("connect timeout: " + endpoint.ToString());
  if (endpoint.unix_socket) {
    const asio::local::stream_protocol::endpoint place(endpoint.host);
    co_await plain_->async_connect(place, token);
  } else {
    asio::ip::tcp::resolver resolver(executor_);
    const auto places =
        co_await resolver.async_resolve(endpoint.host, std::to_string(endpoint.port), token);
    if (error) Throw("cannot resolve " + endpoint.host, error);
    error = asio::error::host_not_found;
    for (const auto& place : places) {
      if (closed_) break;
      const asio::ip::tcp::endpoint tcp = place.endpoint();
      plain_ = std::make_unique<Socket>(executor_);
      co_await plain_->async_connect(tcp, token);
      if (!error) break;
    }
    error_code ignored;
    if (!error) plain_->set_option(asio::ip::tcp::no_delay(true), ignored);
  }
  if (error) Throw("cannot connect to " + endpoint.ToString(), error);
  if (!address.tls) co_return;

  tls_ = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(tls_->native_handle(), TLS1_2_VERSION);
  if (address.ca_file.empty()) {
    tls_->set_default_verify_paths(error);
  } else {
    tls_->load_verify_file(address.ca_file, error);
  }
  if (error) Throw("cannot read the certificates of " + address.ca_file, error);
  secure_ = std::make_unique<asio::ssl::stream<Socket>>(std::move(*plain_), *tls_);
  plain_.reset();
  if (address.verify) {
    secure_->set_verify_mode(asio::ssl::verify_peer);
    secure_->set_verify_callback(asio::ssl::host_name_verification(endpoint.host));
  }
  SSL_set_tlsext_host_name(secure_->native_handle(), endpoint.host.c_str());
  co_await secure_->async_handshake(asio::ssl::stream_base::client, token);
  if (error) Throw("TLS handshake failed with " + endpoint.ToString(), error);
}

awaitable<void> RedisConnection::LogIn(const RedisAddress& address, Wait within) {
  if (!address.password.empty()) {
    std::vector<std::string_view> words{"AUTH"};
    if (!address.user.empty()) words.push_back(address.user);
    words.push_back(address.password);
    co_await Call(words, within);
  }
  if (address.database != 0) {
    const std::string database = std::to_string(address.database);
    const std::vector<std::string_view> words{"SELECT", database};
    co_await Call(words, within);
  }
  const std::vector<std::string_view> name{"CLIENT", "SETNAME", "parley"};
  co_await Call(name, within);
  // Sentinels and host names may still lead to a server that has been demoted.
  const std::vector<std::string_view> replication{"INFO", "replication"};
  const RedisReply info = co_await Call(replication, within);
  RequireMaster(endpoint_, *info);
}

awaitable<RedisEndpoint> RedisConnection::FindMaster(const RedisAddress& address, Wait within) {
  std::string why = "no Sentinel was queried";
  for (const RedisEndpoint& sentinel : address.endpoints) {
    try {
      RedisConnection asked(executor_);
      const Watch watch(asked, within / static_cast<int>(address.endpoints.size() + 1));
      co_await asked.Connect(address, sentinel, within);
      if (!address.sentinel_password.empty()) {
        const std::vector<std::string_view> words{"AUTH", address.sentinel_password};
        co_await asked.Call(words, within);
      }
      const std::vector<std::string_view> words{"SENTINEL", "get-master-addr-by-name",
                                                address.master};
      const RedisReply reply = co_await asked.Call(words, within);
      if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        const std::string port(TextOf(*reply->element[1]));
        co_return RedisEndpoint{
            .host = std::string(TextOf(*reply->element[0])),
            .port = static_cast<uint16_t>(std::strtoul(port.c_str(), nullptr, 10))};
      }
      why = sentinel.ToString() + " does not know the master " + address.master;
    } catch (const RedisFailure& failure) {
      why = failure.what();
    }
  }
  throw RedisFailure("no Sentinel returned the master: " + why);
}

awaitable<void> RedisConnection::Write(std::string_view bytes, Wait within) {
  const Watch watch(*this, within);
  error_code error;
  auto token = asio::redirect_error(use_awaitable, error);
  const auto buffer = asio::buffer(bytes.data(), bytes.size());
  if (secure_) {
    co_await asio::async_write(*secure_, buffer, token);
  } else if (plain_) {
    co_await asio::async_write(*plain_, buffer, token);
  } else {
    error = asio::error::not_connected;
  }
  if (error) Throw("cannot write to " + endpoint_.ToString(), error);
}

RedisReply RedisConnection::ReadBuffered() {
  void* reply = nullptr;
  if (redisReaderGetReply(reader_.get(), &reply) != REDIS_OK) {
    throw RedisFailure(endpoint_.ToString() + " sent an invalid reply: " + reader_->errstr);
  }
  if (reply != nullptr) unparsed_ = reader_->len - reader_->pos;
  return RedisReply(static_cast<redisReply*>(reply));
}

awaitable<RedisReply> RedisConnection::Read(Wait within) {
  const Watch watch(*this, within);
  for (;;) {
    RedisReply reply = ReadBuffered();
    if (reply) co_return reply;
    if (unparsed_ > kMostBuffered) {
      throw RedisFailure(endpoint_.ToString() + " sent a reply that is too long");
    }
    error_code error;
    size_t count = 0;
    auto token = asio::redirect_error(use_awaitable, error);
    const auto buffer = asio::buffer(buffer_);
    if (secure_) {
      count = co_await secure_->async_read_some(buffer, token);
    } else if (plain_) {
      count = co_await plain_->async_read_some(buffer, token);
    } else {
      error = asio::error::not_connected;
    }
    if (error) Throw("lost " + endpoint_.ToString(), error);
    unparsed_ += count;
    redisReaderFeed(reader_.get(), buffer_.data(), count);
  }
}

awaitable<RedisReply> RedisConnection::Call(const std::vector<std::string_view>& words,
                                            Wait within) {
  const std::string command = RedisCommand(words);
  co_await Write(command, within);
  RedisReply reply = co_await Read(within);
  if (reply->type == REDIS_REPLY_ERROR) {
    throw RedisFailure(endpoint_.ToString() + " refuses " + std::string(words.front()) + ": " +
                       std::string(TextOf(*reply)));
  }
  co_return reply;
}

}  // namespace parley
