#include "bus/bus_message.h"

#include <cstring>

namespace parley {
namespace {

constexpr std::string_view kBegin{"P\x01", 2};
constexpr size_t kMostUsers = 10'000;
constexpr size_t kMostEntries = 10'000;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void operator()(const std::string& text) {
    Number(static_cast<uint32_t>(text.size()));
    out_ += text;
  }
  void operator()(const std::optional<UserId>& user) { (*this)(user.value_or(UserId())); }
  void operator()(const Uuid& id) {
    out_.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
  }
  void operator()(const std::vector<UserId>& users) {
    Number(static_cast<uint32_t>(users.size()));
    for (const UserId& user : users) (*this)(user);
  }
  void operator()(const std::vector<BusConsumed::Entry>& entries) {
    Number(static_cast<uint32_t>(entries.size()));
    for (const auto& [limit, key, tokens] : entries) {
      (*this)(limit), (*this)(key), (*this)(tokens);
    }
  }
  void operator()(Timestamp at) { Number(at.micros); }
  void operator()(bool is) { out_ += static_cast<char>(is); }
  void operator()(uint8_t byte) { out_ += static_cast<char>(byte); }
  void operator()(int64_t number) { Number(number); }
  void operator()(uint64_t number) { Number(number); }
  template <class T>
  void Added(const T& field) {
    (*this)(field);
  }

 private:
  template <class T>
  void Number(T number) {
    for (size_t i = 0; i < sizeof number; ++i) {
      out_ += static_cast<char>(static_cast<uint64_t>(number) >> (8 * i) & 0xff);
    }
  }
  std::string& out_;
};

// After the end of the input or an invalid field, all values are empty and `ok` is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }

  void operator()(std::string& text) { text = Take(Number<uint32_t>()); }
  void operator()(std::optional<UserId>& user) {
    UserId id;
    (*this)(id);
    if (!id.empty()) user = std::move(id);
  }
  void operator()(Uuid& id) {
    const std::string_view raw = Take(id.bytes.size());
    if (ok_) std::memcpy(id.bytes.data(), raw.data(), raw.size());
  }
  void operator()(std::vector<UserId>& users) {
    const uint32_t count = Number<uint32_t>();
    if (count > kMostUsers) ok_ = false;
    for (uint32_t i = 0; i < count && ok_; ++i) (*this)(users.emplace_back());
  }
  void operator()(std::vector<BusConsumed::Entry>& entries) {
    const uint32_t count = Number<uint32_t>();
    if (count > kMostEntries) ok_ = false;
    for (uint32_t i = 0; i < count && ok_; ++i) {
      auto& [limit, key, tokens] = entries.emplace_back();
      (*this)(limit), (*this)(key), (*this)(tokens);
    }
  }
  void operator()(Timestamp& at) { at.micros = Number<int64_t>(); }
  void operator()(bool& is) { is = Number<uint8_t>() != 0; }
  void operator()(uint8_t& byte) { byte = Number<uint8_t>(); }
  void operator()(int64_t& number) { number = Number<int64_t>(); }
  void operator()(uint64_t& number) { number = Number<uint64_t>(); }
  // A field that older versions do not send.
  template <class T>
  void Added(T& field) {
    if (!bytes_.empty()) (*this)(field);
  }

 private:
  std::string_view Take(size_t size) {
    if (size > bytes_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view front = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return front;
  }
  template <class T>
  T Number() {
    const std::string_view raw = Take(sizeof(T));
    uint64_t number = 0;
    for (size_t i = 0; i < raw.size(); ++i) {
      number |= uint64_t{static_cast<uint8_t>(raw[i])} << (8 * i);
    }
    return static_cast<T>(number);
  }
  std::string_view bytes_;
  bool ok_ = true;
};

// The fields of each kind in order, for encoding and decoding.
template <class Do, class E>
void Each(Do&& on, E& m)
  requires std::is_same_v<std::remove_const_t<E>, BusEvent>
{
  on(m.seq), on(m.about_seq), on(m.at), on(m.removal), on(m.single_conversation), on(m.except_user);
  on(m.undelivered_from), on(m.json), on(m.added), on(m.removed), on(m.participant_count);
  on.Added(m.epoch), on.Added(m.audience);
}
template <class Do, class E>
void Each(Do&& on, E& m)
  requires std::is_same_v<std::remove_const_t<E>, BusTyping>
{
  on(m.user), on(m.socket_id), on(m.as_service), on(m.is_typing);
}
template <class Do, class E>
void Each(Do&& on, E& m)
  requires std::is_same_v<std::remove_const_t<E>, BusJoined>
{
  on(m.conversation), on(m.users), on(m.since), on(m.json);
}
template <class Do, class E>
void Each(Do&& on, E& m)
  requires std::is_same_v<std::remove_const_t<E>, BusHello>
{
  on(m.store), on(m.users_online), on(m.users_digest), on.Added(m.settled), on.Added(m.as_guide);
}
template <class Do, class E>
void Each(Do&& on, E& m)
  requires std::is_same_v<std::remove_const_t<E>, BusPresence>
{
  on(m.online), on(m.users);
}
template <class Do, class E>
void Each(Do&& on, E& m)
  requires std::is_same_v<std::remove_const_t<E>, BusPresenceAsk>
{
  on(m.of);
}
template <class Do, class E>
void Each(Do&& on, E& m)
  requires std::is_same_v<std::remove_const_t<E>, BusConsumed>
{
  on(m.entries);
}
template <class Do, class E>
void Each(Do&& on, E& m)
  requires std::is_same_v<std::remove_const_t<E>, BusStatus>
{
  on(m.json);
}
template <class Do, class E>
void Each(Do&&, E&)
  requires std::is_empty_v<E>
{}

template <size_t kKind = 0>
bool ReadKind(size_t kind, Reader& reader, BusMessage& out) {
  if constexpr (kKind < std::variant_size_v<BusMessage>) {
    if (kind != kKind) return ReadKind<kKind + 1>(kind, reader, out);
    Each(reader, out.emplace<kKind>());
    return reader.ok();
  } else {
    return false;
  }
}

}  // namespace

std::string EncodeBus(const Uuid& node, const BusMessage& message) {
  std::string out(kBegin);
  out += static_cast<char>(message.index());
  Writer writer(out);
  writer(node);
  std::visit([&](const auto& fields) { Each(writer, fields); }, message);
  return out;
}

std::optional<FromNode> DecodeBus(std::string_view bytes) {
  if (!bytes.starts_with(kBegin) || bytes.size() <= kBegin.size()) return std::nullopt;
  const auto kind = static_cast<uint8_t>(bytes[kBegin.size()]);
  Reader reader(bytes.substr(kBegin.size() + 1));
  FromNode out;
  reader(out.node);
  if (!ReadKind(kind, reader, out.message)) return std::nullopt;
  return out;
}

}  // namespace parley
