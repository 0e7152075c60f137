/* Stands between a process and its disk (LD_PRELOAD): counts the calls that change what lies under one folder, and at the n-th of
 * them kills the process, fails, or writes a part. Native writers (Arrow, safetensors, SQLite, zip) are met like Python's own.
 * It can also write down every change with its data, so that a power cut can be replayed. Linux with glibc. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, REMOVE = 16, MAKE = 32 };                 /* kinds of calls */
enum { COUNT = 0, KILL_BEFORE, KILL_AFTER, KILL_HALF, FAIL_ONCE, FAIL_ON, SHORT_ONCE, SHORT_THEN_FULL, TRACE }; /* modes */

static char root[PATH_MAX];
static size_t root_length;
static long at, count;
static int mode, kinds, error, report = -1, armed;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* Start over: from here on calls under `folder` count. `told` is a descriptor for one line at a hit, or for the trace. */
void disk_arm(const char *folder, int what, int which, long number, int failure, int told) {
    snprintf(root, sizeof root, "%s", folder);
    root_length = strlen(root);
    mode = what, kinds = which, at = number, error = failure, report = told, count = 0, armed = 1;
}

long disk_count(void) { return count; }

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static void name_of(int fd, char *into) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlink, link, into, PATH_MAX - 1);
    into[length < 0 ? 0 : length] = 0;
}

static void absolute(int folder, const char *path, char *into) {
    char place[PATH_MAX] = "";
    if (path[0] == '/') {
        snprintf(into, PATH_MAX, "%s", path);
        return;
    }
    if (folder != AT_FDCWD) name_of(folder, place);
    else if (syscall(SYS_getcwd, place, sizeof place) < 0) place[0] = 0;
    if (snprintf(into, PATH_MAX, "%s/%s", place, path) >= PATH_MAX) into[0] = 0;
}

static int watched(int kind, const char *path) {
    if (!armed || !(kind & kinds) || strncmp(path, root, root_length) != 0) return 0;
    return path[root_length] == 0 || path[root_length] == '/';
}

static void die(void) {
    syscall(SYS_kill, (int)syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
}

static void tell(int kind, const char *path) {
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%d %s\n", kind, path);
    if (report >= 0 && syscall(SYS_write, report, line, (size_t)length) < 0) return;
}

typedef struct { int fails, half, dies; } Verdict;

static Verdict judged(int kind, const char *path) {
    Verdict verdict = {0, 0, 0};
    if (!watched(kind, path) || mode == TRACE) return verdict;
    long number = __sync_add_and_fetch(&count, 1);
    if (mode == COUNT || number < at) return verdict;
    int hit = number == at;
    if (hit) tell(kind, path);
    if (mode == KILL_BEFORE || (mode == KILL_HALF && kind != WRITE)) { if (hit) die(); }
    else if (mode == KILL_AFTER || mode == KILL_HALF) verdict.dies = hit, verdict.half = hit && mode == KILL_HALF;
    else if (mode == FAIL_ONCE) verdict.fails = hit;
    else if (mode == FAIL_ON) verdict.fails = 1;
    else if (mode == SHORT_ONCE) verdict.half = hit;
    else if (mode == SHORT_THEN_FULL) verdict.half = hit, verdict.fails = !hit;
    return verdict;
}

static size_t part(Verdict verdict, size_t length) { return verdict.half && length > 1 ? length / 2 : length; }

/* One change for the trace: what, the inode, an offset, two texts (paths, or data). */
static void note(char what, ino_t inode, int64_t offset, const char *first, const char *second, const void *data, size_t length) {
    struct { char what[8]; uint64_t inode; int64_t offset; uint64_t first, second, length; } head = {
        {what}, inode, offset, strlen(first), strlen(second), length};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)first, head.first}, {(void *)second, head.second}, {(void *)data, length}};
    if (syscall(SYS_writev, report, parts, 4) < 0) armed = 0;
}

static ino_t inode_at(const char *path) {
    struct stat found;
    return lstat(path, &found) == 0 ? found.st_ino : 0;
}

static int tracing(int kind, const char *path) { return mode == TRACE && watched(kind, path); }

static int opened(int folder, const char *path, int flags, mode_t rights) {
    static int (*real)(int, const char *, int, ...);
    if (!real) real = (__typeof__(real))dlsym(RTLD_NEXT, "openat");
    char full[PATH_MAX];
    int changes = (flags & (O_CREAT | O_TRUNC)) || (flags & O_ACCMODE) != O_RDONLY;
    if (!armed || !changes) return real(folder, path, flags, rights);
    absolute(folder, path, full);
    if (tracing(OPEN, full)) {
        pthread_mutex_lock(&turn);
        ino_t before = inode_at(full);
        int fd = real(folder, path, flags, rights);
        int why = errno;
        if (fd >= 0 && before == 0 && (flags & O_CREAT) && (flags & O_TMPFILE) != O_TMPFILE) note('c', inode_at(full), 0, full, "", "", 0);
        else if (fd >= 0 && (flags & O_TRUNC)) note('t', before, 0, "", "", "", 0);
        pthread_mutex_unlock(&turn);
        return errno = why, fd;
    }
    Verdict verdict = judged(OPEN, full);
    if (verdict.fails) return errno = error, -1;
    int fd = real(folder, path, flags, rights);
    if (verdict.dies) die();
    return fd;
}

static mode_t rights_of(int flags, va_list more) { return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? va_arg(more, mode_t) : 0; }
#define RIGHTS va_list more; va_start(more, flags); mode_t rights = rights_of(flags, more); va_end(more)
int open(const char *path, int flags, ...) { RIGHTS; return opened(AT_FDCWD, path, flags, rights); }
int open64(const char *path, int flags, ...) { RIGHTS; return opened(AT_FDCWD, path, flags | O_LARGEFILE, rights); }
int openat(int folder, const char *path, int flags, ...) { RIGHTS; return opened(folder, path, flags, rights); }
int openat64(int folder, const char *path, int flags, ...) { RIGHTS; return opened(folder, path, flags | O_LARGEFILE, rights); }

static ssize_t written(int fd, const void *data, size_t length, off_t offset) {
    static ssize_t (*plain)(int, const void *, size_t), (*placed)(int, const void *, size_t, off_t);
    if (!plain) plain = (__typeof__(plain))dlsym(RTLD_NEXT, "write"), placed = (__typeof__(placed))dlsym(RTLD_NEXT, "pwrite");
#define DO(size) (offset < 0 ? plain(fd, data, size) : placed(fd, data, size, offset))
    char full[PATH_MAX];
    if (!armed) return DO(length);
    name_of(fd, full);
    if (tracing(WRITE, full)) {
        struct stat found;
        pthread_mutex_lock(&turn);
        fstat(fd, &found);
        off_t where = offset >= 0 ? offset : fcntl(fd, F_GETFL) & O_APPEND ? found.st_size : lseek(fd, 0, SEEK_CUR);
        ssize_t done = DO(length);
        int why = errno;
        if (done > 0) note('w', found.st_ino, where, "", "", data, (size_t)done);
        pthread_mutex_unlock(&turn);
        return errno = why, done;
    }
    Verdict verdict = judged(WRITE, full);
    if (verdict.fails) return errno = error, -1;
    ssize_t done = DO(part(verdict, length));
    if (verdict.dies) die();
    return done;
}

ssize_t write(int fd, const void *data, size_t length) { return written(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return written(fd, data, length, offset); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) { return written(fd, data, length, offset); }

ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL(writev);
    char full[PATH_MAX];
    if (!armed) return real(fd, parts, n);
    name_of(fd, full);
    if (!watched(WRITE, full)) return real(fd, parts, n);
    for (int i = 0; i < n; i++) /* the first that is not empty: a short write, which callers have to expect anyhow */
        if (parts[i].iov_len) return written(fd, parts[i].iov_base, parts[i].iov_len, -1);
    return 0;
}

ssize_t sendfile(int out, int in, off_t *offset, size_t length) {
    REAL(sendfile);
    char full[PATH_MAX];
    if (!armed) return real(out, in, offset, length);
    name_of(out, full);
    if (!watched(WRITE, full)) return real(out, in, offset, length);
    return errno = ENOTSOCK, -1; /* callers then read and write, which is seen */
}
ssize_t sendfile64(int out, int in, off64_t *offset, size_t length) { return sendfile(out, in, offset, length); }

static int synced(int fd, int data) {
    static int (*whole)(int), (*contents)(int);
    if (!whole) whole = (__typeof__(whole))dlsym(RTLD_NEXT, "fsync"), contents = (__typeof__(contents))dlsym(RTLD_NEXT, "fdatasync");
    char full[PATH_MAX];
    if (!armed) return data ? contents(fd) : whole(fd);
    name_of(fd, full);
    if (tracing(SYNC, full)) {
        struct stat found;
        pthread_mutex_lock(&turn);
        fstat(fd, &found);
        note('s', found.st_ino, 0, full, "", "", 0);
        pthread_mutex_unlock(&turn);
        return 0;
    }
    if (!watched(SYNC, full)) return data ? contents(fd) : whole(fd);
    Verdict verdict = judged(SYNC, full);
    if (verdict.fails) return errno = error, -1;
    if (verdict.dies) die();
    return 0; /* no power is cut here, and thousands of syncs would take minutes */
}
int fsync(int fd) { return synced(fd, 0); }
int fdatasync(int fd) { return synced(fd, 1); }

static int moved(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char first[PATH_MAX], second[PATH_MAX];
    absolute(from_folder, from, first), absolute(to_folder, to, second);
    int trace = armed && (tracing(RENAME, first) || tracing(RENAME, second));
    if (trace) pthread_mutex_lock(&turn);
    Verdict verdict = judged(RENAME, second);
    if (verdict.fails) return errno = error, -1;
    int done = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags), why = errno;
    if (trace && done == 0) note(flags & 2 ? 'x' : 'r', 0, 0, first, second, "", 0);
    if (trace) pthread_mutex_unlock(&turn);
    if (verdict.dies) die();
    return errno = why, done;
}
int rename(const char *from, const char *to) { return moved(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return moved(a, from, b, to, 0); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) { return moved(a, from, b, to, flags); }

static int named(int kind, char what, int folder, const char *path, long number, long argument) {
    char full[PATH_MAX];
    absolute(folder, path, full);
    int trace = armed && tracing(kind, full);
    if (trace) pthread_mutex_lock(&turn);
    Verdict verdict = judged(kind, full);
    if (verdict.fails) return errno = error, -1;
    int done = (int)syscall(number, folder, path, argument), why = errno;
    if (trace && done == 0) note(what, what == 'm' ? inode_at(full) : 0, 0, full, "", "", 0);
    if (trace) pthread_mutex_unlock(&turn);
    if (verdict.dies) die();
    return errno = why, done;
}
int unlink(const char *path) { return named(REMOVE, 'u', AT_FDCWD, path, SYS_unlinkat, 0); }
int unlinkat(int folder, const char *path, int flags) { return named(REMOVE, 'u', folder, path, SYS_unlinkat, flags); }
int rmdir(const char *path) { return named(REMOVE, 'u', AT_FDCWD, path, SYS_unlinkat, AT_REMOVEDIR); }
int mkdir(const char *path, mode_t rights) { return named(MAKE, 'm', AT_FDCWD, path, SYS_mkdirat, rights); }
int mkdirat(int folder, const char *path, mode_t rights) { return named(MAKE, 'm', folder, path, SYS_mkdirat, rights); }

static int cut(int fd, off_t length) {
    char full[PATH_MAX];
    name_of(fd, full);
    Verdict verdict = armed ? judged(WRITE, full) : (Verdict){0, 0, 0};
    if (verdict.fails) return errno = error, -1;
    struct stat found;
    int done = (int)syscall(SYS_ftruncate, fd, length), why = errno;
    if (done == 0 && tracing(WRITE, full) && fstat(fd, &found) == 0) note('t', found.st_ino, length, "", "", "", 0);
    if (verdict.dies) die();
    return errno = why, done;
}
int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }
