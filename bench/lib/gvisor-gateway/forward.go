package main

import (
	"context"
	"io"
	"net"
	"net/netip"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

const (
	dialsAtOnce = 8192
	dialLimit   = 10 * time.Second
	keepAlive   = 2 * time.Hour
	udpIdle     = 2 * time.Minute
	pieceSize   = 64 << 10
)

func forward(s *stack.Stack) {
	s.SetTransportProtocolHandler(tcp.ProtocolNumber, tcp.NewForwarder(s, 0, dialsAtOnce, forwardTCP).HandlePacket)
	s.SetTransportProtocolHandler(udp.ProtocolNumber, udp.NewForwarder(s, func(request *udp.ForwarderRequest) {
		forwardUDP(s, request)
	}).HandlePacket)
}

func forwardTCP(request *tcp.ForwarderRequest) {
	dialer := net.Dialer{Timeout: dialLimit, KeepAlive: keepAlive}
	server, err := dialer.DialContext(context.Background(), "tcp", destination(request.ID()).String())
	if err != nil {
		request.Complete(true)
		return
	}
	defer server.Close()
	var queue waiter.Queue
	endpoint, problem := request.CreateEndpoint(&queue)
	if problem != nil {
		request.Complete(true)
		return
	}
	request.Complete(false)
	endpoint.SocketOptions().SetKeepAlive(true)
	client := gonet.NewTCPConn(&queue, endpoint)
	defer client.Close()
	up := make(chan struct{})
	go func() {
		defer close(up)
		copyAll(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
	}()
	copyAll(client, server)
	_ = client.CloseWrite()
	<-up
}

// copyAll hides what net.TCPConn would rather do by itself: it knows no faster way from or to gVisor, and smaller pieces.
func copyAll(to io.Writer, from io.Reader) {
	_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, pieceSize))
}

func forwardUDP(s *stack.Stack, request *udp.ForwarderRequest) {
	var queue waiter.Queue
	endpoint, problem := request.CreateEndpoint(&queue)
	if problem != nil {
		return
	}
	client := gonet.NewUDPConn(&queue, endpoint)
	server, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(destination(request.ID())))
	if err != nil {
		client.Close()
		return
	}
	end := func() {
		client.Close()
		server.Close()
	}
	idle := time.AfterFunc(udpIdle, end)
	relay := func(to io.Writer, from io.Reader) {
		defer end()
		datagram := make([]byte, pieceSize)
		for {
			n, err := from.Read(datagram)
			if err != nil {
				return
			}
			idle.Reset(udpIdle)
			// As on any path, a datagram that cannot go on is lost.
			_, _ = to.Write(datagram[:n])
		}
	}
	go relay(server, client)
	go relay(client, server)
}

func destination(id stack.TransportEndpointID) netip.AddrPort {
	return netip.AddrPortFrom(addressOf(id.LocalAddress), id.LocalPort)
}

func addressOf(address tcpip.Address) netip.Addr {
	result, _ := netip.AddrFromSlice(address.AsSlice())
	return result
}
