/* within - run a program inside another process's network and mount namespaces, and say what it cost.
 *
 *   within PID [-u UID] [-d FOLDER] [-o REPORT] -- PROGRAM ARGUMENT...
 *
 * PID     a process whose namespaces are entered ("self": stay here)
 * -u UID  become this user and group without any supplementary group; leaving user 0 drops every capability
 * -d      the working folder, looked up inside the namespace
 * -o      write one line of JSON to REPORT (opened before the namespaces are entered): "start" (CLOCK_MONOTONIC
 *         seconds just before the fork), "wall" seconds until the program ended, "cpu" seconds (user and system,
 *         the program and the children it waited for), "rss_kb" (the largest resident set of them) and "status"
 *         (the exit code, or 128 and the signal)
 *
 * The program dies with whoever started it (PR_SET_PDEATHSIG). Measuring happens here because a fork of a small
 * process is cheap and because the resident set that wait4 reports begins with that of the forking process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    fprintf(stderr, "within: %s: %s\n", what, strerror(errno));
    exit(125);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

static double timeval(struct timeval t) { return t.tv_sec + t.tv_usec * 1e-6; }

static int open_namespace(const char *pid, const char *kind) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, kind);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail(path);
    return descriptor;
}

static void become(unsigned user) {
    if (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user)) fail("setresuid");
}

static void start(char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* after the change of user, which clears it */
    execvp(argv[0], argv);
    fail(argv[0]);
}

int main(int argc, char **argv) {
    const char *folder = NULL;
    FILE *report = NULL;
    unsigned user = 0;
    int option;
    if (argc < 3) return 2;
    const char *pid = argv[1];
    optind = 2;
    while ((option = getopt(argc, argv, "+u:d:o:")) != -1) {
        if (option == 'u') user = strtoul(optarg, NULL, 10);
        else if (option == 'd') folder = optarg;
        else if (option == 'o') {
            if (!(report = fopen(optarg, "we"))) fail(optarg);
        } else return 2;
    }
    if (optind >= argc) return 2;
    if (strcmp(pid, "self")) {
        int net = open_namespace(pid, "net"), mount = open_namespace(pid, "mnt");
        if (setns(net, CLONE_NEWNET)) fail("setns net");
        if (setns(mount, CLONE_NEWNS)) fail("setns mnt");
        close(net);
        close(mount);
    }
    if (folder && chdir(folder)) fail(folder);
    if (!report) {
        if (user) become(user);
        start(argv + optind);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    double began = seconds();
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        if (user) become(user);
        start(argv + optind);
    }
    int status;
    struct rusage used;
    while (wait4(child, &status, 0, &used) < 0)
        if (errno != EINTR) fail("wait4");
    double wall = seconds() - began;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    fprintf(report, "{\"start\": %.6f, \"wall\": %.6f, \"cpu\": %.6f, \"rss_kb\": %ld, \"status\": %d}\n", began, wall,
            timeval(used.ru_utime) + timeval(used.ru_stime), used.ru_maxrss, code);
    fclose(report);
    return code;
}
