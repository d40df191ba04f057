// Declarations that the sample sketches use, with the signatures of the three Arduino cores. Only for -fsyntax-only: nothing here does anything.
// Source: arduino-esp32 cores/esp32 and libraries/{Network,WiFi,ArduinoOTA}; esp8266/Arduino cores/esp8266 and libraries/{ESP8266WiFi,ArduinoOTA};
// arduino-pico cores/rp2040 and libraries/{WiFi,ArduinoOTA}.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

#define U_FLASH 0

class IPAddress {};
class String {
 public:
  String(const char *text);
};

class Print {
 public:
  size_t print(const char *text);
  size_t print(char c);
  size_t println(const char *text);
  size_t println(const IPAddress &address);
  size_t printf(const char *format, ...) __attribute__((format(printf, 2, 3)));
};
class HardwareSerial : public Print {
 public:
  void begin(unsigned long baud);
};
extern HardwareSerial Serial;

void delay(unsigned long ms);
void setup();
void loop();
