// The name of the calling thread in top -H, ps -L and /proc: at most 15 characters.
#pragma once
#include <pthread.h>

#include <string>

namespace parley {

inline void NameThread(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace parley
