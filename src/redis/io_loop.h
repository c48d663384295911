// Helpers for coroutines on an io_context, and for the thread that runs it.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <string_view>

#include "base/metrics.h"

namespace parley {

// Sleeps until the time has passed, or the timer is cancelled. Returns true if the time has passed.
boost::asio::awaitable<bool> Sleep(boost::asio::steady_timer& timer,
                                   boost::asio::steady_timer::duration time);

// Waits while the condition is true, which it checks every 5 ms.
boost::asio::awaitable<void> PollWhile(boost::asio::io_context& io,
                                       std::function<bool()> condition);

// Runs the io_context until its work is done. An exception of a handler is counted and logged with
// `message`, and the other handlers continue.
void RunThroughFailures(boost::asio::io_context& io, Counter& failures, std::string_view message);

}  // namespace parley
