// A disk that needs FAULTY_DISK_FLUSH_MILLIS for each flush, and whose file system is NFS if FAULTY_DISK_IS_NFS is set
// (test_doctor_machine.py). Preloaded: the kernel of a container has neither, and cannot mount NFS.
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

int fdatasync(int fd) {
  const char* millis = getenv("FAULTY_DISK_FLUSH_MILLIS");
  const struct timespec delay = {.tv_nsec = millis == NULL ? 0 : atol(millis) * 1000000};
  nanosleep(&delay, NULL);
  return (int)syscall(SYS_fdatasync, fd);
}

int statfs(const char* path, struct statfs* state) {
  const int result = (int)syscall(SYS_statfs, path, state);
  if (result == 0 && getenv("FAULTY_DISK_IS_NFS") != NULL) state->f_type = NFS_SUPER_MAGIC;
  return result;
}

int statfs64(const char* path, void* state) { return statfs(path, state); }
