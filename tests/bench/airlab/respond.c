/* respond - the services of all simulated devices in one process.
 *
 * stdin: lines "PROTO ADDRESS PORT KIND". "ready" goes to stdout once all of them are bound.
 *   udp  ota      as ArduinoOTA: an invitation (more than two bytes that begin with a command, 0 or 100) is asked
 *                 for a password; everything else, a knock too, is swallowed without a word
 *        echo     any datagram gets a small text with the device's name and MAC, as Microchip's announce does
 *        mute     swallows everything
 *   tcp  esphome  the first bytes get a frame as ESPHome's HelloResponse
 *        http     the first bytes get a small page, and the connection ends
 *        mute     accepts and says nothing
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum kind { OTA, ECHO, MUTE, ESPHOME, HTTP };
enum role { DATAGRAM, LISTENER, STREAM };

struct end {
    int s;
    enum role role;
    enum kind kind;
    unsigned address; /* of the device, in host order: its MAC is made of it */
};

static const char HELLO[] = "\0\x20\x02\x08\x01\x10\x0a\x1a\x0f" "labnode (lab 1)" "\x22\x07labnode";
static const char PAGE[] = "HTTP/1.0 200 OK\r\nServer: lab\r\nContent-Length: 2\r\n\r\nok";
static const char AUTH[] = "AUTH 0123456789abcdef0123456789abcdef";
static int events;
static char buffer[65536];

static enum kind kind_of(const char *name) {
    static const char *const names[] = {"ota", "echo", "mute", "esphome", "http"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) return i;
    fprintf(stderr, "respond: unknown kind %s\n", name);
    exit(2);
}

static void watch(int s, enum role role, enum kind kind, unsigned address) {
    struct end *end = malloc(sizeof *end);
    if (!end) exit(1);
    *end = (struct end){s, role, kind, address};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};
    if (epoll_ctl(events, EPOLL_CTL_ADD, s, &event)) exit(1);
}

static void bind_service(const char *proto, const char *address, int port, const char *kind) {
    int tcp = !strcmp(proto, "tcp"), on = 1;
    int s = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, address, &to.sin_addr);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(s, IPPROTO_IP, IP_FREEBIND, &on, sizeof on);
    if (s < 0 || bind(s, (void *)&to, sizeof to) || (tcp && listen(s, 16))) {
        fprintf(stderr, "respond: %s %s:%d: %s\n", proto, address, port, strerror(errno));
        exit(1);
    }
    watch(s, tcp ? LISTENER : DATAGRAM, kind_of(kind), ntohl(to.sin_addr.s_addr));
}

static void on_datagrams(const struct end *end) {
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t n;
    while ((n = recvfrom(end->s, buffer, sizeof buffer, 0, (void *)&from, &size)) >= 0) {
        if (end->kind == OTA && n > 2 && (buffer[0] == '0' || buffer[0] == '1'))
            sendto(end->s, AUTH, sizeof AUTH - 1, 0, (void *)&from, size);
        else if (end->kind == ECHO) {
            unsigned a = end->address;
            int length = snprintf(buffer, sizeof buffer, "LABDEV\r\n00-15-27-%02X-%02X-%02X\r\n", a >> 16 & 255, a >> 8 & 255, a & 255);
            sendto(end->s, buffer, length, 0, (void *)&from, size);
        }
        size = sizeof from;
    }
}

static void on_connections(const struct end *end) {
    int s;
    while ((s = accept4(end->s, NULL, NULL, SOCK_NONBLOCK)) >= 0) watch(s, STREAM, end->kind, end->address);
}

static void on_bytes(struct end *end) {
    ssize_t n = read(end->s, buffer, sizeof buffer);
    if (n < 0 && errno == EAGAIN) return;
    if (n > 0 && end->kind != HTTP) {
        if (end->kind == ESPHOME && write(end->s, HELLO, sizeof HELLO - 1) < 0) perror("respond");
        return;
    }
    if (n > 0 && write(end->s, PAGE, sizeof PAGE - 1) < 0) perror("respond");
    close(end->s);
    free(end);
}

int main(void) {
    char proto[8], address[64], kind[16];
    int port;
    struct rlimit files = {200000, 200000};
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    events = epoll_create1(0);
    while (scanf("%7s %63s %d %15s", proto, address, &port, kind) == 4) bind_service(proto, address, port, kind);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event ready[256];
        int count = epoll_wait(events, ready, 256, -1);
        if (count < 0 && errno != EINTR) return 1;
        for (int i = 0; i < count; i++) {
            struct end *end = ready[i].data.ptr;
            if (end->role == DATAGRAM) on_datagrams(end);
            else if (end->role == LISTENER) on_connections(end);
            else on_bytes(end);
        }
    }
}
