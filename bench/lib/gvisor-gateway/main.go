// A rootless WireGuard gateway as others build it, to compare with: wireguard-go's device over gVisor's TCP/IP stack, which
// takes any destination; each flow is dialled from an ordinary socket before its SYN is answered.
//
// Usage: gvisor-gateway FILE (what a control socket is told, see wireguard's cross-platform documents). Prints "ready" when
// it is up, ends at SIGTERM.
package main

import (
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
)

const mtu = 1420

func main() {
	configuration, err := os.ReadFile(os.Args[1])
	check(err)
	tunnel, err := newTunnel()
	check(err)
	wireguard := device.NewDevice(tunnel, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, ""))
	check(wireguard.IpcSet(string(configuration)))
	check(wireguard.Up())
	fmt.Println("ready")
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
	wireguard.Close()
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
