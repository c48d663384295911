#include "loadgen/client_frames.h"

namespace parley::loadgen {

void AppendClientFrame(std::string& out, WsOpcode opcode, std::string_view payload) {
  out += static_cast<char>(0x80 | static_cast<int>(opcode));
  const size_t size = payload.size();
  const int more = size < 126 ? 0 : size < 65536 ? 2 : 8;
  out += static_cast<char>(0x80 | (more == 0 ? size : more == 2 ? 126 : 127));
  for (int shift = 8 * (more - 1); shift >= 0; shift -= 8) out += static_cast<char>(size >> shift);
  out.append(4, '\0');
  out += payload;
}

ServerFrame FirstFrame(std::string_view data) {
  if (data.size() < 2) return {};
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(data[i]); };
  size_t length = byte(1) & 0x7F, head = 2;
  const size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (data.size() < head + more) return {};
  if (more > 0) length = 0;
  for (size_t i = 0; i < more; ++i) length = length << 8 | byte(head + i);
  head += more;
  if (data.size() - head < length) return {};
  return {.opcode = static_cast<WsOpcode>(byte(0) & 0x0F),
          .final = (byte(0) & 0x80) != 0,
          .payload = data.substr(head, length),
          .bytes = head + length};
}

}  // namespace parley::loadgen
