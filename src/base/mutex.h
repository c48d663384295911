// Mutexes whose use clang checks: ./dev check compiles with -Wthread-safety, which fails if a field
// is used without the mutex that GUARDED_BY names. Other compilers ignore the attributes.
//
//   mutable Mutex mutex_;
//   size_t count_ GUARDED_BY(mutex_) = 0;
//   void AddLocked() REQUIRES(mutex_);
//
// A condition is waited for in a loop, not with a predicate: clang does not know that a lambda runs
// under the lock.
//
//   const MutexLock lock(mutex_);
//   while (queue_.empty()) arrived_.Wait(mutex_);
#pragma once
#include <chrono>
#include <condition_variable>
#include <mutex>

#ifdef __clang__
#define PARLEY_THREAD_ATTRIBUTE(...) __attribute__((__VA_ARGS__))
#else
#define PARLEY_THREAD_ATTRIBUTE(...)
#endif

#define CAPABILITY(name) PARLEY_THREAD_ATTRIBUTE(capability(name))
#define SCOPED_CAPABILITY PARLEY_THREAD_ATTRIBUTE(scoped_lockable)
// A field that is read and written under the mutex only.
#define GUARDED_BY(mutex) PARLEY_THREAD_ATTRIBUTE(guarded_by(mutex))
// A function whose caller holds the mutex.
#define REQUIRES(...) PARLEY_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define ACQUIRE(...) PARLEY_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) PARLEY_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))

namespace parley {

class CAPABILITY("mutex") Mutex {
 public:
  void Lock() ACQUIRE() { mutex_.lock(); }
  void Unlock() RELEASE() { mutex_.unlock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a mutex to the end of the scope, or until Unlock.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() RELEASE() {
    if (held_) mutex_.Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() RELEASE() {
    held_ = false;
    mutex_.Unlock();
  }
  void Lock() ACQUIRE() {
    mutex_.Lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

// A condition variable. Waits may return early, without a notification.
class CondVar {
 public:
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

  void Wait(Mutex& mutex) REQUIRES(mutex) {
    Adopted lock(mutex);
    condition_.wait(lock.held);
  }
  // Returns false if the time has come.
  template <class Time>
  bool WaitUntil(Mutex& mutex, Time time) REQUIRES(mutex) {
    Adopted lock(mutex);
    return condition_.wait_until(lock.held, time) == std::cv_status::no_timeout;
  }

 private:
  // Lends a mutex that is locked before and after.
  struct Adopted {
    explicit Adopted(Mutex& mutex) : held(mutex.mutex_, std::adopt_lock) {}
    ~Adopted() { held.release(); }
    std::unique_lock<std::mutex> held;
  };
  std::condition_variable condition_;
};

}  // namespace parley
