// Notifies the service manager that started this process (systemd's Type=notify) of its state.
#pragma once
#include <string_view>

namespace parley {

// Sends `state`, lines such as "READY=1", to the datagram socket that NOTIFY_SOCKET names. Does nothing if
// the variable is not set. Errors are logged; they never stop the server. Threads: any.
void NotifyServiceManager(std::string_view state);

}  // namespace parley
