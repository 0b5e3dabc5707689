/* Preloaded into CRIU on test hosts, only on machines without CAP_SYS_RESOURCE: there the kernel does not let prlimit
 * read the limits of another user's process, so nothing that runs as postgres or www-data could be dumped. Reads what
 * the kernel refused from /proc/PID/limits instead. Real hosts have the capability and never see this. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

struct limits {
  uint64_t soft, hard;
};

/* Lines of /proc/PID/limits by the kernel's number of the resource. */
static const char *const names[] = {
    "Max cpu time",       "Max file size",     "Max data size",         "Max stack size",
    "Max core file size", "Max resident set",  "Max processes",         "Max open files",
    "Max locked memory",  "Max address space", "Max file locks",        "Max pending signals",
    "Max msgqueue size",  "Max nice priority", "Max realtime priority", "Max realtime timeout",
};
/* The column of the soft limit. */
enum { NAME_WIDTH = 26 };

static uint64_t value_of(const char *word) {
  return strcmp(word, "unlimited") == 0 ? UINT64_MAX : strtoull(word, NULL, 10);
}

static int read_limits(int pid, long resource, struct limits *found) {
  char path[64], line[256], soft[32], hard[32];
  int result = -1;
  snprintf(path, sizeof path, "/proc/%d/limits", pid);
  FILE *file = fopen(path, "re");
  if (!file) return -1;
  while (result != 0 && fgets(line, sizeof line, file)) {
    if (strncmp(line, names[resource], strlen(names[resource])) != 0) continue;
    if (sscanf(line + NAME_WIDTH, "%31s %31s", soft, hard) != 2) continue;
    found->soft = value_of(soft);
    found->hard = value_of(hard);
    result = 0;
  }
  fclose(file);
  return result;
}

/* CRIU asks for limits by this function of the C library, not by prlimit. */
long syscall(long number, ...) {
  static long (*kernel)(long, ...);
  long a[6];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 6; i++) a[i] = va_arg(rest, long);
  va_end(rest);
  if (!kernel) kernel = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  long result = kernel(number, a[0], a[1], a[2], a[3], a[4], a[5]);
  if (result != -1 || errno != EPERM || number != SYS_prlimit64) return result;
  int reads = a[2] == 0 && a[3] != 0 && a[1] >= 0 && a[1] < (long)(sizeof names / sizeof *names);
  if (reads && read_limits((int)a[0], a[1], (struct limits *)a[3]) == 0) return 0;
  errno = EPERM;
  return -1;
}
