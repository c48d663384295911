#include "base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace parley {
namespace {

using std::chrono::hours;
using std::chrono::steady_clock;

struct Guarded {
  Mutex mutex;
  CondVar changed;
  int value GUARDED_BY(mutex) = 0;
};

TEST(Mutex, ExcludesOtherThreads) {
  Guarded guarded;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&guarded] {
      for (int n = 0; n < 10'000; ++n) {
        const MutexLock lock(guarded.mutex);
        ++guarded.value;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const MutexLock lock(guarded.mutex);
  EXPECT_EQ(guarded.value, 40'000);
}

TEST(Mutex, ALockCanBeReleasedEarlyAndTakenAgain) {
  Guarded guarded;
  MutexLock lock(guarded.mutex);
  lock.Unlock();
  std::thread([&guarded] {
    const MutexLock other(guarded.mutex);
    guarded.value = 1;
  }).join();
  lock.Lock();
  EXPECT_EQ(guarded.value, 1);
  lock.Unlock();  // the end of the scope must not unlock once more
  guarded.mutex.Lock();
  guarded.mutex.Unlock();
}

TEST(CondVar, AWaitReleasesTheMutexAndHoldsItAfterwards) {
  Guarded guarded;
  std::thread setter([&guarded] {
    const MutexLock lock(guarded.mutex);
    guarded.value = 1;
    guarded.changed.NotifyOne();
  });
  {
    const MutexLock lock(guarded.mutex);
    while (guarded.value == 0) {
      ASSERT_TRUE(guarded.changed.WaitUntil(guarded.mutex, steady_clock::now() + hours(1)));
    }
    guarded.value = 2;
  }
  setter.join();
}

TEST(CondVar, AWaitEndsAtItsTime) {
  Guarded guarded;
  const auto until = steady_clock::now() + std::chrono::milliseconds(5);
  const MutexLock lock(guarded.mutex);
  while (guarded.changed.WaitUntil(guarded.mutex, until)) {
  }
  EXPECT_GE(steady_clock::now(), until);
}

}  // namespace
}  // namespace parley
