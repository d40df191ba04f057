// See Arduino.h.
#pragma once
#include <Arduino.h>

enum wl_status_t { WL_IDLE_STATUS = 0, WL_CONNECTED = 3, WL_DISCONNECTED = 6 };
enum WiFiMode_t { WIFI_OFF = 0, WIFI_STA = 1, WIFI_AP = 2 };

class WiFiClass {
 public:
  bool mode(WiFiMode_t mode);
  wl_status_t begin(const char *ssid, const char *passphrase);
  wl_status_t status();
  IPAddress localIP();
#if defined(ESP32)
  bool setHostname(const char *hostname);
#elif defined(ARDUINO_ARCH_RP2040)
  void setHostname(const char *hostname);
#else
  bool hostname(const char *hostname);
#endif
};
extern WiFiClass WiFi;
