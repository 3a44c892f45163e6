// A program of its own: fetches the URL it is given through the tunnel of the configuration on its standard input.
import { text } from 'node:stream/consumers'
import { connect } from 'millrace'

const tunnel = await connect(await text(process.stdin))
const response = await fetch(process.argv[2], { dispatcher: tunnel.dispatcher() })
console.log(await response.text())
await tunnel.close()
