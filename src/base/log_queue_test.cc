#include "base/log_queue.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

namespace parley::log {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::array<int, 2> ends{};
};

// Fills the pipe. Returns the number of bytes it accepted.
uint64_t Fill(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  const std::string block(4096, 'y');
  uint64_t filled = 0;
  for (ssize_t n = 0; (n = ::write(fd, block.data(), block.size())) > 0;) {
    filled += static_cast<uint64_t>(n);
  }
  ::fcntl(fd, F_SETFL, flags);
  return filled;
}

TEST(LogQueue, WritesLinesInOrder) {
  const Pipe pipe;
  Queue queue(pipe.ends[1], 1024);
  queue.Push("one\n");
  queue.Push("two\n");
  ASSERT_TRUE(queue.Flush(10s));
  char text[16] = "";
  EXPECT_EQ(::read(pipe.ends[0], text, sizeof text), 8);
  EXPECT_STREQ(text, "one\ntwo\n");
  EXPECT_EQ(queue.dropped(), 0u);
}

TEST(LogQueue, DropsAndCountsLinesWhileThePipeIsFullAndRecovers) {
  const Pipe pipe;
  const uint64_t before = Fill(pipe.ends[1]);
  Queue queue(pipe.ends[1], 4096);
  std::string line(100, 'x');
  line.back() = '\n';
  uint64_t pushed = 0;
  for (; queue.dropped() < 10 && pushed < 100'000; ++pushed) queue.Push(line);
  ASSERT_EQ(queue.dropped(), 10u);
  EXPECT_FALSE(queue.Flush(1ms));
  uint64_t received = 0;
  std::array<char, 65'536> bytes{};
  const uint64_t expected = before + (pushed - 10) * line.size();
  while (received < expected) {
    const ssize_t n = ::read(pipe.ends[0], bytes.data(), bytes.size());
    ASSERT_GT(n, 0);
    received += static_cast<uint64_t>(n);
  }
  EXPECT_EQ(received, expected);
  EXPECT_TRUE(queue.Flush(10s));
}

TEST(LogQueue, CountsLinesThatCannotBeWritten) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  {
    Queue queue(full, 4096);
    queue.Push("lost\n");
    EXPECT_TRUE(queue.Flush(10s));
    EXPECT_EQ(queue.dropped(), 1u);
  }
  ::close(full);
}

}  // namespace
}  // namespace parley::log
