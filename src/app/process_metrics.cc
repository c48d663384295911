#include "app/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace parley {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

void AddProcessMetrics(Timestamp started, MetricFamilies& out) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  out.AddCounters("process_cpu_seconds_total", "Seconds of CPU time used, user and system.",
                  {{{}, Seconds(usage.ru_utime) + Seconds(usage.ru_stime)}});
  // Fields of /proc/self/statm, in pages: the size, the resident set.
  double size = 0, resident = 0;
  if (std::ifstream("/proc/self/statm") >> size >> resident) {
    out.AddGauge("process_resident_memory_bytes", "Resident memory in bytes.",
                 resident * static_cast<double>(sysconf(_SC_PAGESIZE)));
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    out.AddGauge("process_max_fds", "Maximum number of open file descriptors.",
                 static_cast<double>(files.rlim_cur));
  }
  out.AddGauge("process_start_time_seconds", "Start time in seconds since the Unix epoch.",
               static_cast<double>(started.micros) * 1e-6);
}

}  // namespace parley
