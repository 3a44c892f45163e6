package main

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// cutter makes packets of the tunnel's MTU from one of up to 64 KB, and the TCP checksums that the stack leaves to it.
type cutter struct {
	packet *stack.PacketBuffer
	// What of the packet has not been sent yet.
	pieces [][]byte
	// What each segment repeats.
	header   []byte
	l3       int
	mss      int
	sequence uint32
}

func (c *cutter) begin(packet *stack.PacketBuffer) {
	c.packet = packet
	c.pieces = packet.AsSlices()
	c.mss = 0
	if packet.GSOOptions.Type == stack.GSONone {
		return
	}
	c.l3 = len(packet.NetworkHeader().Slice())
	c.mss = int(packet.GSOOptions.MSS)
	c.sequence = header.TCP(packet.TransportHeader().Slice()).SequenceNumber()
	c.header = c.header[:packet.HeaderSize()]
	c.take(c.header)
}

// cut fills as many of the buffers as the packet that was begun has segments, and returns how many.
func (c *cutter) cut(buffers [][]byte, sizes []int, offset int) int {
	n := 0
	for c.packet != nil && n < len(buffers) {
		into := buffers[n][offset:]
		if c.mss == 0 {
			sizes[n] = c.take(into)
		} else {
			sizes[n] = c.segment(into)
		}
		n++
		if len(c.pieces) == 0 {
			c.packet.DecRef()
			c.packet = nil
		}
	}
	return n
}

func (c *cutter) segment(into []byte) int {
	copy(into, c.header)
	payload := into[len(c.header) : len(c.header)+c.mss]
	length := c.take(payload)
	into = into[:len(c.header)+length]
	segment := header.TCP(into[c.l3:])
	segment.SetSequenceNumber(c.sequence)
	c.sequence += uint32(length)
	if len(c.pieces) > 0 {
		segment.SetFlags(uint8(segment.Flags() &^ (header.TCPFlagFin | header.TCPFlagPsh)))
	}
	var source, destination tcpip.Address
	if into[0]>>4 == 4 {
		ip := header.IPv4(into)
		ip.SetTotalLength(uint16(len(into)))
		ip.SetID(ip.ID() + uint16(c.sequence))
		ip.SetChecksum(0)
		ip.SetChecksum(^ip.CalculateChecksum())
		source, destination = ip.SourceAddress(), ip.DestinationAddress()
	} else {
		ip := header.IPv6(into)
		ip.SetPayloadLength(uint16(len(into) - header.IPv6MinimumSize))
		source, destination = ip.SourceAddress(), ip.DestinationAddress()
	}
	sum := header.PseudoHeaderChecksum(header.TCPProtocolNumber, source, destination, uint16(len(segment)))
	binary.BigEndian.PutUint16(segment[header.TCPChecksumOffset:], 0)
	segment.SetChecksum(^checksum.Checksum(segment, sum))
	return len(into)
}

// take moves bytes from the pieces, as many as fit.
func (c *cutter) take(into []byte) int {
	n := 0
	for len(c.pieces) > 0 {
		copied := copy(into[n:], c.pieces[0])
		n += copied
		if copied < len(c.pieces[0]) {
			c.pieces[0] = c.pieces[0][copied:]
			break
		}
		c.pieces = c.pieces[1:]
	}
	return n
}
