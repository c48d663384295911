#include "session/ws_transport.h"

#include <algorithm>

namespace parley {
namespace {

// The maximum time from the server's close frame until the peer closes the connection.
constexpr auto kCloseLinger = std::chrono::seconds(5);
// For a client that does not read, or during shutdown.
constexpr auto kShortLinger = std::chrono::seconds(1);

}  // namespace

void WsCounters::CountClose(CloseCode code) {
  const auto at = std::ranges::find(kCloseCodes, code);
  if (at != kCloseCodes.end()) closed[static_cast<size_t>(at - kCloseCodes.begin())].Add();
}

WsTransport::WsTransport(SessionContext& context, WsCounters& counters, Connection& connection,
                         CompressedFrame& compressed, WsOpening opening)
    : context_(context),
      counters_(counters),
      connection_(connection),
      compressed_(compressed),
      window_bits_(opening.deflate ? opening.deflate->window_bits : 0),
      access_(std::move(opening.access)),
      address_socket_(std::move(opening.address_socket)),
      decoder_({.max_message = context.limits.frame_bytes, .inflate = window_bits_ != 0}),
      opened_at_(context.clock.Steady()),
      last_tick_(opened_at_),
      last_ping_(opened_at_) {
  opening_ = std::make_unique<WsOpening>(std::move(opening));
  counters_.open.Add(1);
  counters_.opened.Add();
}

WsTransport::~WsTransport() { counters_.open.Add(-1); }

// --- authentication

void WsTransport::Start() {
  if (opening_->token) Authenticate(*opening_->token, std::nullopt, false);
}

void WsTransport::Authenticate(std::string_view token, const Ref& ref, bool answer) {
  Result<Identity> identity = context_.verifier.Verify(token);
  opening_->token.reset();
  if (!identity) return Close(CloseCode::kNotAuthenticated, identity.error().detail);
  if (opening_->bad_conversation_id) {
    return Close(CloseCode::kBadConversationId, "The conversation id is not a UUID.");
  }
  if (access_) access_->user = identity->user;
  if (!TakeSocket(*identity)) return;
  if (answer && ref) Answer(PlainAckFrame(ref));
  session_ = std::make_unique<Session>(context_, static_cast<Transport&>(*this),
                                       std::move(opening_->session), std::move(*identity));
  opening_.reset();
  session_->Start();
}

// The per-user limits on sockets; the limits per address were checked before the upgrade.
bool WsTransport::TakeSocket(const Identity& identity) {
  RateLimiter& limiter = context_.rate_limiter;
  if (!limiter.on() || identity.service) return true;
  if (const auto wait = limiter.Take(Limit::kConnect, identity.user)) {
    Close(CloseCode::kRateAbused, RateLimited(*wait).detail);
    return false;
  }
  const int64_t most = limiter.limits().sockets_per_user;
  if (most == 0) return true;
  user_socket_ = context_.sockets.Take(identity.user, most);
  if (user_socket_) return true;
  limiter.CountRefusal(Limit::kConnect);
  Close(CloseCode::kRateAbused,
        "A user can have at most " + std::to_string(most) + " open sockets.");
  return false;
}

void WsTransport::OnFirstFrame(std::string_view text) {
  const auto object = context_.json.ParseObject(text);
  if (object) {
    FieldReader fields(*object);
    const auto type = fields.Text("type");
    const auto token = fields.Text("token");
    const Ref ref = fields.ShortText("ref", context_.limits.client_id_characters);
    if (type == "authenticate" && token) return Authenticate(*token, ref, true);
  }
  Close(CloseCode::kNotAuthenticated, "The first frame must authenticate.");
}

// --- reading

size_t WsTransport::OnBytes(Connection&, std::span<char> bytes) {
  counters_.bytes_in.Add(bytes.size());
  std::span<char> rest = bytes;
  ping_open_ = false;  // any input proves that the peer is alive
  while (!connection_.reading_paused() && !connection_.closing()) {
    const WsEvent event = decoder_.Next(rest);
    switch (event.kind) {
      case WsEvent::Kind::kNeedMore:
        if (decoder_.held_bytes() == 0) {
          message_since_ = {};
        } else if (message_since_ == Monotonic{}) {
          message_since_ = connection_.shard().recent();
        }
        return bytes.size() - rest.size();
      case WsEvent::Kind::kText:
        message_since_ = {};
        OnMessage(event.payload);
        break;
      case WsEvent::Kind::kBinary:
        Close(CloseCode::kBinary, "Binary frames are not supported.");
        break;
      case WsEvent::Kind::kPing:
        if (session_ == nullptr || session_->TakePing()) Queue(EncodePong(event.payload));
        break;
      case WsEvent::Kind::kPong:
        break;
      case WsEvent::Kind::kClose:
        OnPeerClose(event.code);
        break;
      case WsEvent::Kind::kError:
        Close(static_cast<CloseCode>(event.code), event.payload);
        break;
    }
  }
  return bytes.size() - rest.size();
}

void WsTransport::OnMessage(std::string_view text) {
  if (session_ == nullptr) return OnFirstFrame(text);
  session_->OnText(text);
}

void WsTransport::OnPeerClose(uint16_t code) {
  if (closed_) return;
  closed_ = true;
  close_code_ = code == 1005 ? 1000 : code;
  counters_.CountClose(CloseCode::kNormal);
  connection_.Answer(EncodeClose(code == 1005 ? 1000 : code, ""));
  connection_.CloseAfterFlush(kCloseLinger, kCloseLinger);
}

void WsTransport::OnEndOfStream(Connection& connection) { connection.Abort(); }

void WsTransport::HoldCommands(bool hold) {
  commands_held_ = hold;
  UpdateReading();
  if (!hold && shutting_down_ && session_ != nullptr && session_->idle()) {
    Close(CloseCode::kRestarting, "The server is restarting.");
  }
}

void WsTransport::UpdateReading() {
  // Responses are never dropped, so reading from a client that does not read them is paused (P6).
  if (commands_held_ || shutting_down_ || !connection_.HasRoom()) {
    connection_.PauseReading();
  } else {
    connection_.ResumeReading();
  }
}

// --- writing

void WsTransport::Queue(SharedBytes frame) {
  connection_.Answer(std::move(frame));
  if (!connection_.HasRoom()) UpdateReading();
}

void WsTransport::AnswerAll(std::span<const std::string> jsons) {
  std::string frames;
  for (const std::string& json : jsons) {
    AppendFrameHeader(frames, WsOpcode::kText, json.size());
    frames += json;
  }
  if (!frames.empty()) Queue(SharedBytes(frames));
}

void WsTransport::OnDrained(Connection&) {
  UpdateReading();
  if (session_ != nullptr) session_->OnDrained();
}

// --- timeouts

void WsTransport::OnTick(Connection& connection, Monotonic now) {
  if (connection.closing()) return;
  if (session_ == nullptr && now - opened_at_ >= context_.options.authenticate_timeout) {
    return Close(CloseCode::kNotAuthenticated, "No token was received in time.");
  }
  const bool unread = !connection.outbox().empty();
  if (unread && now - connection.last_progress() >= context_.options.slow_reader_timeout) {
    return Close(CloseCode::kTooSlow, "The client read nothing for too long.");
  }
  if (message_since_ != Monotonic{} && connection.reading_paused()) message_since_ = now;
  if (message_since_ != Monotonic{} &&
      now - message_since_ >= context_.options.slow_reader_timeout) {
    return Close(CloseCode::kTooSlow, "The client took too long to send a message.");
  }
  CheckPing(now);
  if (session_ != nullptr && !closed_) session_->OnTick();
}

// The timeout of an open ping is suspended while output is pending or reading is paused: P6 applies
// then.
void WsTransport::CheckPing(Monotonic now) {
  const auto since_tick = std::chrono::duration_cast<Duration>(now - last_tick_);
  last_tick_ = now;
  if (!ping_open_) {
    if (now - last_ping_ < context_.options.ping_interval) return;
    last_ping_ = now;
    unanswered_ = Duration(0);
    ping_open_ = true;
    return Queue(EncodePing(""));
  }
  if (connection_.outbox().empty() && !connection_.reading_paused()) unanswered_ += since_tick;
  if (unanswered_ >= context_.options.ping_timeout) {
    Close(CloseCode::kTooSlow, "A ping was not answered.");
  }
}

// --- closing

void WsTransport::Close(CloseCode code, std::string_view reason) {
  if (closed_) return;
  closed_ = true;
  close_code_ = static_cast<int>(code);
  counters_.CountClose(code);
  const bool slow = code == CloseCode::kTooSlow;
  // The outbox has no room for the disconnect frame: queued frames that are not partly sent are
  // dropped. The client resumes by its seqs.
  if (slow) connection_.DropQueued();
  Duration wait = shutdown_delay_;
  if (code == CloseCode::kRestarting && !shutting_down_) {
    wait = context_.reconnect_delays.Next(context_.clock.Steady());  // the store is unavailable
  }
  const int64_t delay = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count();
  connection_.Answer(
      EncodeText(DisconnectFrame(static_cast<uint16_t>(code), reason, MayReconnect(code), delay)));
  connection_.Answer(EncodeClose(static_cast<uint16_t>(code), reason));
  const Duration linger = slow || shutting_down_ ? Duration(kShortLinger) : Duration(kCloseLinger);
  connection_.CloseAfterFlush(linger, linger);
}

void WsTransport::OnShutdown(Connection&, Duration delay) {
  shutdown_delay_ = delay;
  shutting_down_ = true;
  UpdateReading();
  // Commits in flight finish and are acknowledged first; HoldCommands is called after the last one.
  if (session_ == nullptr || session_->idle()) {
    Close(CloseCode::kRestarting, "The server is restarting.");
  }
}

void WsTransport::OnClosed(Connection&) {
  if (!closed_) counters_.CountClose(CloseCode::kNormal);
  closed_ = true;
  if (access_) {
    LogSocketEnd(*access_, close_code_,
                 std::chrono::duration_cast<Duration>(context_.clock.Steady() - opened_at_));
  }
  session_.reset();
}

}  // namespace parley
